"""Every code that a store speaks has a cause, and the ones that stopped the stream have the right one."""

from __future__ import annotations

import errno

import aiokafka.errors
import psycopg2
import pytest
from psycopg2 import errorcodes

from infra.store.database import told
from models.error_causes import ERRNOS, KAFKA_CODES, SQLSTATES, ErrorCause, of_errno, of_kafka, of_sqlstate
from models.errors import Rejected, Unavailable
from models.reasons import RejectReason

POSTGRESQL = {
    "a row too long for an index": ("54000", ErrorCause.DATA),
    "a sum out of range": ("22003", ErrorCause.DATA),
    "a character that the encoding lacks": ("22021", ErrorCause.DATA),
    "NUL in JSON": ("22P05", ErrorCause.DATA),
    "a constraint": ("23514", ErrorCause.DATA),
    "a deadlock": ("40P01", ErrorCause.PASSING),
    "a lock that was not had in time": ("55P03", ErrorCause.PASSING),
    "a statement that took too long": ("57014", ErrorCause.PASSING),
    "a server that shuts down": ("57P01", ErrorCause.PASSING),
    "a full disk": ("53100", ErrorCause.PASSING),
    "too many connections": ("53300", ErrorCause.PASSING),
    "a server that is read-only": ("25006", ErrorCause.OURS),
    "a table that is not there": ("42P01", ErrorCause.OURS),
    "a right that is missing": ("42501", ErrorCause.OURS),
    "damaged data": ("XX001", ErrorCause.OURS),
    "a code of tomorrow": ("ZZ999", ErrorCause.OURS),
}
FILES = {
    "a name too long": (errno.ENAMETOOLONG, ErrorCause.DATA),
    "a name that can't be encoded": (errno.EILSEQ, ErrorCause.DATA),
    "a full disk": (errno.ENOSPC, ErrorCause.PASSING),
    "a share that went away": (errno.ESTALE, ErrorCause.PASSING),
    "a folder closed to us": (errno.EACCES, ErrorCause.PASSING),
    "a folder where a file should be": (errno.EISDIR, ErrorCause.OURS),
    "no number": (None, ErrorCause.OURS),
}
KAFKA = {
    "a message too large": (aiokafka.errors.MessageSizeTooLargeError.errno, ErrorCause.DATA),
    "a batch too large": (aiokafka.errors.RecordListTooLargeError.errno, ErrorCause.DATA),
    "a leader that moved": (aiokafka.errors.NotLeaderForPartitionError.errno, ErrorCause.PASSING),
    "too few replicas": (aiokafka.errors.NotEnoughReplicasError.errno, ErrorCause.PASSING),
    "a spoilt session": (aiokafka.errors.OutOfOrderSequenceNumber.errno, ErrorCause.PASSING),
    "a right that is missing": (aiokafka.errors.TopicAuthorizationFailedError.errno, ErrorCause.OURS),
    "a policy": (aiokafka.errors.PolicyViolationError.errno, ErrorCause.OURS),
    "no answer": (None, ErrorCause.PASSING),
    "a code of tomorrow": (9_999, ErrorCause.OURS),
}


@pytest.mark.parametrize(("code", "cause"), POSTGRESQL.values(), ids=POSTGRESQL)
def test_cause_of_an_sqlstate(code: str, cause: ErrorCause) -> None:
    assert of_sqlstate(code) is cause


@pytest.mark.parametrize(("number", "cause"), FILES.values(), ids=FILES)
def test_cause_of_an_errno(number: int | None, cause: ErrorCause) -> None:
    assert of_errno(number) is cause


@pytest.mark.parametrize(("code", "cause"), KAFKA.values(), ids=KAFKA)
def test_cause_of_a_kafka_code(code: int | None, cause: ErrorCause) -> None:
    assert of_kafka(code) is cause


def test_the_tables_hold_only_codes_that_exist() -> None:
    known = {value for name, value in vars(errorcodes).items() if name.isupper() and isinstance(value, str)}
    assert {code for code in SQLSTATES if len(code) == 5} <= known
    assert {code for code in SQLSTATES if len(code) == 2} <= {code[:2] for code in known}
    assert set(ERRNOS) <= set(errno.errorcode)
    assert all(code > 0 for code in KAFKA_CODES)


CODES = sorted(
    code for name, code in vars(errorcodes).items() if name.isupper() and isinstance(code, str) and len(code) == 5
)


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_postgresql_becomes_the_error_of_its_cause(code: str) -> None:
    coded = _with_code(code)
    meaning = told(coded)
    kind = {ErrorCause.PASSING: Unavailable, ErrorCause.DATA: Rejected, ErrorCause.OURS: type(coded)}[of_sqlstate(code)]
    assert type(meaning) is kind
    if isinstance(meaning, Rejected):
        assert meaning.reason is RejectReason.UNSTORABLE
        assert code in meaning.detail


def _with_code(code: str) -> psycopg2.Error:
    class Coded(psycopg2.Error):
        pgcode = code  # type: ignore[assignment]

    return Coded("text")


def test_without_a_code_a_lost_connection_passes_and_a_wrong_call_is_ours() -> None:
    assert isinstance(told(psycopg2.OperationalError("server closed the connection")), Unavailable)
    assert isinstance(told(psycopg2.InterfaceError("connection already closed")), Unavailable)
    wrong = psycopg2.ProgrammingError("can't adapt type")
    assert told(wrong) is wrong
