"""Proposals to change SLOs: made from feedback, accepted or refused by people."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from psycopg2.extensions import cursor as Cursor

from infra.store import feedback
from infra.store.slo import definitions as slos
from infra.store.slo import exclusions as slo_exceptions
from infra.store.slo import proposals as slo_proposals
from infra.store.slo import windows as slo_windows
from infra.store.slo.definitions import StoredSlo
from infra.store.slo.proposals import Proposal, ProposalState
from models.alerting.feedback import Verdict
from models.errors import Misconfigured
from models.labels import LabelWindow
from models.slo.burn import Recorded
from models.slo.openslo.read import parse_openslo
from models.slo.simulate import proposals
from models.timestamps import MINUTE_S, SECOND_NS, to_rfc3339


def stored(cursor: Cursor, slo_name: str) -> StoredSlo:
    """The SLO in force with this name; raises `Misconfigured` where there is none."""
    found = next((one for one in slos.load(cursor).slos if one.slo.name == slo_name), None)
    if found is None:
        raise Misconfigured(f"no SLO is called {slo_name!r}; see `tidewatch slo list`")
    return found


def propose(cursor: Cursor, slo_name: str, now_ns: int) -> Proposal | None:
    """Bring the open proposal of an SLO to what its feedback asks for now; what is open afterwards.

    What somebody refused is not proposed again.
    """
    earlier = slo_proposals.of_slo(cursor, slo_name)
    open_ = next((one for one in earlier if one.state is ProposalState.OPEN), None)
    known = next((one for one in slos.load(cursor).slos if one.slo.name == slo_name), None)
    wanted = None if known is None else _wanted(cursor, known, now_ns)
    if open_ is not None:
        if wanted is not None and wanted.slo.document() == open_.after:
            return open_
        slo_proposals.decide(cursor, open_.id, ProposalState.WITHDRAWN, "feedback", now_ns)
    if wanted is None or known is None:
        return None
    after = wanted.slo.document()
    if any(one.state is ProposalState.REFUSED and one.after == after for one in earlier):
        return None
    return slo_proposals.insert(cursor, slo_name, wanted.reason, known.slo.document(), after, now_ns=now_ns)


def _wanted(cursor: Cursor, known: StoredSlo, now_ns: int) -> proposals.Proposed | None:
    marks = [one.mark for one in feedback.load(cursor, known.slo.service) if one.mark.slo_name == known.slo.name]
    windows = {
        noise: [
            LabelWindow(known.slo.name, mark.start_ns, mark.end_ns)
            for mark in marks
            if (mark.verdict is Verdict.NOISE) is noise
        ]
        for noise in (True, False)
    }
    now_s = now_ns // SECOND_NS
    rows = slo_windows.read_minutes(cursor, known.id, now_s - 2 * known.slo.window.nominal_s, now_s)
    minute_s = np.array([row[0] for row in rows], np.int64)
    good, total = (np.array([row[n] for row in rows], np.float64) for n in (1, 2))
    # a minute that is stored was seen by its end
    recorded = Recorded(minute_s, good, total, (minute_s + MINUTE_S).astype(np.float64))
    exceptions = slo_exceptions.load(cursor, [known.slo.name]).get(known.slo.name, [])
    return proposals.propose(known.slo, recorded, noise=windows[True], wanted=windows[False], exclusions=exceptions)


def known_proposals(cursor: Cursor, *, with_closed: bool = False) -> list[Proposal]:
    """What is proposed, oldest first; with what was decided on, if asked for."""
    return slo_proposals.load(cursor, only_open=not with_closed)


def accept(cursor: Cursor, proposal_id: int, *, decided_by: str, now_ns: int) -> Proposal:
    """Put a proposal into force, with history.

    Raises:
        Misconfigured: none is open under this id, or the SLO has changed since it was made.
    """
    proposal = _decide(cursor, proposal_id, ProposalState.ACCEPTED, decided_by, now_ns)
    if stored(cursor, proposal.slo_name).slo.document() != proposal.before:
        raise Misconfigured(f"{proposal.slo_name} has changed since proposal {proposal_id} was made; refuse it")
    changed = parse_openslo(json.dumps(proposal.after), f"proposal {proposal_id}")
    slos.apply(cursor, changed, changed_by=decided_by)
    return proposal


def refuse(cursor: Cursor, proposal_id: int, *, decided_by: str, now_ns: int) -> Proposal:
    """Close a proposal for good; raises `Misconfigured` where none is open under this id."""
    return _decide(cursor, proposal_id, ProposalState.REFUSED, decided_by, now_ns)


def _decide(cursor: Cursor, proposal_id: int, state: ProposalState, decided_by: str, now_ns: int) -> Proposal:
    decided = slo_proposals.decide(cursor, proposal_id, state, decided_by, now_ns)
    if decided is None:
        raise Misconfigured(f"no proposal {proposal_id} is open; see `tidewatch slo proposals list`")
    return decided


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """`proposal` as JSON is made of."""
    return {
        "id": proposal.id,
        "slo": proposal.slo_name,
        "state": proposal.state.value,
        "reason": proposal.reason,
        "before": proposal.before,
        "after": proposal.after,
        "made_at": to_rfc3339(proposal.made_ns),
        "decided_by": proposal.decided_by,
        "decided_at": None if proposal.decided_ns is None else to_rfc3339(proposal.decided_ns),
    }
