"""All situations."""

from tests.ordinary.table import comes_back, levels, plumbing, weekly
from tests.ordinary.weeks import everything

SITUATIONS = everything([comes_back.TABLE, weekly.TABLE, levels.TABLE, plumbing.TABLE])
