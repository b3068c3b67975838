"""How long an evaluation of many SLOs takes, what PostgreSQL does for it, and the workbook's table measured."""
