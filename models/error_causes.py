"""Why a store refused, told by its code: what passes, what the data can't be stored for, what is ours to mend.

One table for every code that a store speaks: SQLSTATE (PostgreSQL's appendix A), errno (Linux), Kafka's error codes. A
class or a text of an error is no cause: PostgreSQL calls a row that is too long for an index an operational error, as
it does a lost connection.
"""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """What makes the same call succeed: time (`PASSING`), nothing (`DATA`), or a person who acts (`OURS`)."""

    PASSING = "passing"
    DATA = "data"
    OURS = "ours"


SQLSTATES: Final[dict[str, Cause]] = {
    # classes
    "08": Cause.PASSING,  # connection
    "21": Cause.DATA,  # cardinality
    "22": Cause.DATA,  # a value out of range, text that can't be encoded, invalid JSON
    "23": Cause.DATA,  # a constraint
    "25": Cause.OURS,  # state of the transaction
    "40": Cause.PASSING,  # serialization, deadlock
    "53": Cause.PASSING,  # disk full, out of memory, too many connections
    "55": Cause.PASSING,  # lock not available, object in use
    "57": Cause.PASSING,  # shutdown, statement timeout
    "58": Cause.PASSING,  # input and output of the server's own
    # codes that differ from their class
    "25006": Cause.PASSING,  # read-only: a server that is about to be promoted
    "25P03": Cause.PASSING,  # idle in a transaction for too long: the session is gone
    "53400": Cause.OURS,  # a limit of the configuration
    "54000": Cause.DATA,  # a row too long for an index
    "54011": Cause.OURS,  # too many columns
    "55000": Cause.OURS,  # object not in the state that the statement needs
    "57P04": Cause.OURS,  # the database was dropped
}
"""By code of five characters, else by class, the first two. Everything else (syntax, rights, unknown tables, internal
errors) is ours."""

ERRNOS: Final[dict[int, Cause]] = {
    errno.ENAMETOOLONG: Cause.DATA,
    errno.EILSEQ: Cause.DATA,  # a name that the file system can't encode
    errno.EFBIG: Cause.DATA,
    # a person or time mends them, and the same call succeeds
    errno.ENOSPC: Cause.PASSING,
    errno.EDQUOT: Cause.PASSING,
    errno.EIO: Cause.PASSING,
    errno.EROFS: Cause.PASSING,
    errno.EACCES: Cause.PASSING,
    errno.EPERM: Cause.PASSING,
    errno.ENOENT: Cause.PASSING,  # an unmounted share, a folder that was deleted beside us
    errno.ENOTDIR: Cause.PASSING,  # a file where the mount point should be
    errno.ENODEV: Cause.PASSING,
    errno.ENXIO: Cause.PASSING,
    errno.ESTALE: Cause.PASSING,
    errno.EHOSTDOWN: Cause.PASSING,
    errno.ETIMEDOUT: Cause.PASSING,
    errno.EAGAIN: Cause.PASSING,
    errno.EBUSY: Cause.PASSING,
    errno.EINTR: Cause.PASSING,
    errno.EMFILE: Cause.PASSING,
    errno.ENFILE: Cause.PASSING,
    errno.ENOMEM: Cause.PASSING,
    errno.EMLINK: Cause.PASSING,  # a folder with as many folders as it can have
}
"""Of the lake's files. Everything else (a folder where a file should be, a bad descriptor) is ours."""

KAFKA_CODES: Final[dict[int, Cause]] = {
    2: Cause.PASSING,  # corrupt on the way
    3: Cause.PASSING,  # topic or partition not there (yet)
    5: Cause.PASSING,  # no leader
    6: Cause.PASSING,
    7: Cause.PASSING,  # timed out
    8: Cause.PASSING,
    9: Cause.PASSING,
    10: Cause.DATA,  # message too large
    13: Cause.PASSING,
    14: Cause.PASSING,
    15: Cause.PASSING,
    16: Cause.PASSING,
    18: Cause.DATA,  # record list too large
    19: Cause.PASSING,  # too few in-sync replicas
    20: Cause.PASSING,
    32: Cause.DATA,  # a time out of the topic's range
    41: Cause.PASSING,  # not the controller
    45: Cause.PASSING,  # the producer's session is spoilt: the next one begins anew
    46: Cause.PASSING,
    47: Cause.PASSING,
    56: Cause.PASSING,  # the broker's disk
    59: Cause.PASSING,  # the producer's session was forgotten
    72: Cause.PASSING,  # no listener on the leader
    74: Cause.PASSING,  # the leader's epoch is behind
    75: Cause.PASSING,
    87: Cause.DATA,  # invalid record
    89: Cause.PASSING,  # throttled
    90: Cause.PASSING,  # another session of the producer took over
}
"""Of what a broker answers to a producer or an admin client. Everything else (rights, policies, versions) is ours."""


def of_sqlstate(code: str) -> Cause:
    """Cause of an SQLSTATE.

    >>> of_sqlstate("40P01").value, of_sqlstate("22003").value, of_sqlstate("42501").value
    ('passing', 'data', 'ours')
    """
    return SQLSTATES.get(code) or SQLSTATES.get(code[:2]) or Cause.OURS


def of_errno(number: int | None) -> Cause:
    """Cause of an error of the file system; without a number nobody knows, so it is ours."""
    return ERRNOS.get(number, Cause.OURS) if number is not None else Cause.OURS


def of_kafka(code: int | None) -> Cause:
    """Cause of a broker's answer. Without a code none came: the client's own errors are connections and timeouts."""
    return Cause.PASSING if code is None or code < 0 else KAFKA_CODES.get(code, Cause.OURS)
