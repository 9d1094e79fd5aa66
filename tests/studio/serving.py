"""A server as its owner starts it: ``retouch serve`` in a process of its own, on a free port."""

from __future__ import annotations

import re
import signal
import time

from prometheus_client.parser import text_string_to_metric_families

from tests.studio.living import Studio, until


class Server(Studio):
    """One running ``retouch serve``."""

    command = ("serve",)
    first = "/v1/health/live"

    def _address(self) -> str:
        return super()._address().partition("?")[0]

    def stop(self) -> None:
        """End it without grace."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)  # two signals at one moment are one
        super().stop()

    def wait_until_ready(self) -> None:
        """Wait until it takes jobs, as Kubernetes does."""
        until(lambda: self.client.get("/v1/health/ready").status_code == 200, "ready")

    def metrics(self) -> Samples:
        """What it tells Prometheus now."""
        answer = self.client.get("/metrics")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=")
        return Samples(answer.text)


class Samples:
    """Metrics, read by Prometheus' own parser.

    Args:
        text: as a server gives it.
    """

    def __init__(self, text: str) -> None:
        families = list(text_string_to_metric_families(text))
        self.families = {family.name for family in families}
        self.found = [
            (sample.name, sample.labels, sample.value) for family in families for sample in family.samples
        ]

    def labels(self, name: str, label: str) -> set[str]:
        """The values that a label has."""
        return {labels[label] for found, labels, _ in self.found if found == name and label in labels}

    def total(self, name: str, **wanted: str) -> float:
        """The sum over all samples that have some labels; a misspelled name is not zero."""
        family = re.sub("_(total|count|sum|bucket)$", "", name)
        assert {name, family} & self.families, f"no metric {name}"
        return sum(
            value
            for sample, labels, value in self.found
            if sample == name and all(labels.get(label) == text for label, text in wanted.items())
        )
