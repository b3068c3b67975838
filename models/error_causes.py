"""Why a store refused, told by its code: what passes, what the data can't be stored for, what is ours to mend.

One table for every code that a store speaks: SQLSTATE (PostgreSQL's appendix A), errno (Linux), Kafka's error codes. A
class or a text of an error is no cause: PostgreSQL calls a row that is too long for an index an operational error, as
it does a lost connection.
"""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import Final


class ErrorCause(StrEnum):
    """What makes the same call succeed: time (`PASSING`), nothing (`DATA`), or a person who acts (`OURS`)."""

    PASSING = "passing"
    DATA = "data"
    OURS = "ours"


SQLSTATES: Final[dict[str, ErrorCause]] = {
    # classes
    "08": ErrorCause.PASSING,  # connection
    "21": ErrorCause.DATA,  # cardinality
    "22": ErrorCause.DATA,  # a value out of range, text that can't be encoded, invalid JSON
    "23": ErrorCause.DATA,  # a constraint
    "25": ErrorCause.OURS,  # state of the transaction, a server that is read-only
    "40": ErrorCause.PASSING,  # serialization, deadlock
    "53": ErrorCause.PASSING,  # disk full, out of memory, too many connections
    "55": ErrorCause.PASSING,  # lock not available, object in use
    "57": ErrorCause.PASSING,  # shutdown, statement timeout
    "58": ErrorCause.PASSING,  # input and output of the server's own
    # codes that differ from their class
    "25P03": ErrorCause.PASSING,  # idle in a transaction for too long: the session is gone
    "53400": ErrorCause.OURS,  # a limit of the configuration
    "54000": ErrorCause.DATA,  # a row too long for an index
    "54011": ErrorCause.OURS,  # too many columns
    "55000": ErrorCause.OURS,  # object not in the state that the statement needs
    "57P04": ErrorCause.OURS,  # the database was dropped
}
"""By code of five characters, else by class, the first two. Everything else (syntax, rights, unknown tables, internal
errors) is ours."""

ERRNOS: Final[dict[int, ErrorCause]] = {
    errno.ENAMETOOLONG: ErrorCause.DATA,
    errno.EILSEQ: ErrorCause.DATA,  # a name that the file system can't encode
    errno.EFBIG: ErrorCause.DATA,
    # a person or time mends them, and the same call succeeds
    errno.ENOSPC: ErrorCause.PASSING,
    errno.EDQUOT: ErrorCause.PASSING,
    errno.EIO: ErrorCause.PASSING,
    errno.EROFS: ErrorCause.PASSING,
    errno.EACCES: ErrorCause.PASSING,
    errno.EPERM: ErrorCause.PASSING,
    errno.ENOENT: ErrorCause.PASSING,  # an unmounted share, a folder that was deleted beside us
    errno.ENOTDIR: ErrorCause.PASSING,  # a file where the mount point should be
    errno.ENODEV: ErrorCause.PASSING,
    errno.ENXIO: ErrorCause.PASSING,
    errno.ESTALE: ErrorCause.PASSING,
    errno.EHOSTDOWN: ErrorCause.PASSING,
    errno.ETIMEDOUT: ErrorCause.PASSING,
    errno.EAGAIN: ErrorCause.PASSING,
    errno.EBUSY: ErrorCause.PASSING,
    errno.EINTR: ErrorCause.PASSING,
    errno.EMFILE: ErrorCause.PASSING,
    errno.ENFILE: ErrorCause.PASSING,
    errno.ENOMEM: ErrorCause.PASSING,
    errno.EMLINK: ErrorCause.PASSING,  # a folder with as many folders as it can have
}
"""Of the lake's files. Everything else (a folder where a file should be, a bad descriptor) is ours."""

KAFKA_CODES: Final[dict[int, ErrorCause]] = {
    2: ErrorCause.PASSING,  # corrupt on the way
    3: ErrorCause.PASSING,  # topic or partition not there (yet)
    5: ErrorCause.PASSING,  # no leader
    6: ErrorCause.PASSING,
    7: ErrorCause.PASSING,  # timed out
    8: ErrorCause.PASSING,
    9: ErrorCause.PASSING,
    10: ErrorCause.DATA,  # message too large
    13: ErrorCause.PASSING,
    14: ErrorCause.PASSING,
    15: ErrorCause.PASSING,
    16: ErrorCause.PASSING,
    18: ErrorCause.DATA,  # record list too large
    19: ErrorCause.PASSING,  # too few in-sync replicas
    20: ErrorCause.PASSING,
    32: ErrorCause.DATA,  # a time out of the topic's range
    41: ErrorCause.PASSING,  # not the controller
    45: ErrorCause.PASSING,  # the producer's session is spoilt: the next one begins anew
    46: ErrorCause.PASSING,
    47: ErrorCause.PASSING,
    56: ErrorCause.PASSING,  # the broker's disk
    59: ErrorCause.PASSING,  # the producer's session was forgotten
    72: ErrorCause.PASSING,  # no listener on the leader
    74: ErrorCause.PASSING,  # the leader's epoch is behind
    75: ErrorCause.PASSING,
    87: ErrorCause.DATA,  # invalid record
    89: ErrorCause.PASSING,  # throttled
    90: ErrorCause.PASSING,  # another session of the producer took over
}
"""Of what a broker answers to a producer or an admin client. Everything else (rights, policies, versions) is ours."""


def of_sqlstate(code: str) -> ErrorCause:
    """Cause of an SQLSTATE.

    >>> of_sqlstate("40P01").value, of_sqlstate("22003").value, of_sqlstate("42501").value
    ('passing', 'data', 'ours')
    """
    return SQLSTATES.get(code) or SQLSTATES.get(code[:2]) or ErrorCause.OURS


def of_errno(number: int | None) -> ErrorCause:
    """Cause of an error of the file system; without a number nobody knows, so it is ours."""
    return ERRNOS.get(number, ErrorCause.OURS) if number is not None else ErrorCause.OURS


def of_kafka(code: int | None) -> ErrorCause:
    """Cause of a broker's answer. Without a code none came: the client's own errors are connections and timeouts."""
    return ErrorCause.PASSING if code is None or code < 0 else KAFKA_CODES.get(code, ErrorCause.OURS)
