"""Keeps launched services running: waits for them, starts them again when they die, stops them in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from infra.local.processes.restarts import Restarts
from infra.local.services.service import Service
from models.errors import TidewatchError, Unavailable

LOOK_EVERY_S = 0.25
POLL_S = 0.05


class Keeper:
    """The services that run, by name, and a thread that looks after them.

    The thread that calls `launch` and the keeper's own start children, so both must live until `stop` returns (see
    `infra.local.processes.process`); the keeper's own does.
    """

    def __init__(self, say: Callable[[str], None], on_change: Callable[[], None]) -> None:
        """`say` hears a line for everything that happens; `on_change` is called after a service was started again."""
        self.services: dict[str, Service] = {}
        self.restarts: dict[str, Restarts] = {}
        self._say = say
        self._on_change = on_change
        self._launched_s: dict[str, float] = {}  # of services that are not ready yet
        self._held: set[str] = set()
        self._turn = threading.RLock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()

    def launch(self, service: Service) -> None:
        """Prepare and start a service, and look after it from now on."""
        with self._turn:
            self.services[service.name] = service
            self.restarts[service.name] = Restarts()
            self._launched_s[service.name] = time.monotonic()
            service.prepare()
            service.launch()

    def until_ready(self, *names: str) -> None:
        """Return when these services (none named: all) are ready; each one that gets there meanwhile is told of.

        Raises:
            Unavailable: a launched one ended, or took longer than its deadline.
        """
        waited_for = set(names or self.services)
        while waited_for & self._launched_s.keys():
            for name in tuple(self._launched_s):
                if not self._note_ready(name):
                    service = self.services[name]
                    service.child.require_running()
                    limit_s = service.ready_deadline_s
                    if time.monotonic() - self._launched_s[name] > limit_s:
                        raise Unavailable(name, f"not ready in {limit_s:.0f} s (see {service.child.log})")
            time.sleep(POLL_S)

    def look_after(self) -> None:
        """From now on start again what dies."""
        threading.Thread(target=self._care, name="stack-keeper", daemon=True).start()

    def wait(self) -> None:
        """Return when everything was stopped."""
        self._stopped.wait()

    def hold(self, name: str) -> None:
        """Stop a service and leave it stopped until `release`."""
        with self._turn:
            self._held.add(name)
            self.services[name].stop()

    def release(self, name: str) -> None:
        """Start a held service again; returns when it is ready."""
        with self._turn:
            self.services[name].restart()
            self._held.discard(name)
        self.services[name].wait_ready()

    def stop(self, groups: Sequence[Sequence[Service]]) -> None:
        """Stop one group after the other, the members of a group together; interrupted, kill what is left."""
        self._stopping.set()
        try:
            with self._turn:
                for group in groups:
                    for service in group:
                        service.ask_to_stop()
                    for service in group:
                        service.stop()
        except BaseException:  # an impatient Ctrl-C: killing loses nothing, what must be durable is
            for service in self.services.values():
                service.kill()
            raise
        finally:
            self._stopped.set()

    def _care(self) -> None:
        # lives until everything is stopped: the kernel ends this thread's children with it
        while not self._stopped.wait(LOOK_EVERY_S):
            with self._turn:
                for name in self.services:
                    if not self._stopping.is_set() and name not in self._held:
                        self._care_for(name)

    def _care_for(self, name: str) -> None:
        service, restarts, now_s = self.services[name], self.restarts[name], time.monotonic()
        if service.child.exit_code is None:
            if name in self._launched_s:
                self._note_ready(name)
        elif restarts.due_s is None:
            delay_s = restarts.died(now_s, service.child.age_s)
            self._say(f"{name} ended with {service.child.exit_code}; starting it again in {delay_s:.1f} s")
        elif restarts.is_due(now_s):
            restarts.started()
            self._launched_s[name] = now_s
            try:
                service.restart()
                self._on_change()
            except (TidewatchError, OSError) as error:  # tried again later, like a death
                restarts.died(now_s, 0.0)
                self._say(f"{name}: {error}")

    def _note_ready(self, name: str) -> bool:
        service = self.services[name]
        if not service.ready():
            return False
        took_s = time.monotonic() - self._launched_s.pop(name)
        self._say(f"{name} ready in {took_s:.1f} s at {service.address}{f' ({service.note})' if service.note else ''}")
        return True
