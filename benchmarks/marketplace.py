"""A burst of publications through the whole chain, in processes of its own: ``python -m benchmarks.marketplace``.

Prints how often each course was sent, how long it took until hub and portal held the last state of all, and what was
left in the queues. Needs redis-server.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.marketplace.chain import course, running, until


def sends(directory: Path) -> int:
    """Return how often the LMS has sent a course to the hub."""
    return sum(file.read_text().count('"POST /api/v1/coursexs/ HTTP') for file in directory.glob("logs/lms-*.log"))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publications", type=int, default=1000)
    parser.add_argument("--courses", type=int, default=100)
    parser.add_argument("--coalesce", type=float, default=5.0, help="CCXCON_COALESCE_SECONDS")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        running(Path(directory), coalesce=options.coalesce) as chain,
        ThreadPoolExecutor(4) as pool,
    ):
        keys = [f"course-v1:AcmeX+Burst{number}+2026" for number in range(options.courses)]
        before, held = sends(chain.directory), chain.state("hub")
        began = time.monotonic()

        def publish(place: int) -> None:
            chain.publish(course(keys[place % len(keys)], f"state {place // len(keys)}"))

        list(pool.map(publish, range(options.publications)))
        published = time.monotonic() - began
        until(chain.in_step, lambda: chain.state("lms")["waiting"], seconds=900)
        arrived = time.monotonic() - began
        hub = chain.state("hub")
        count = sends(chain.directory) - before
        print(f"{options.publications} publications of {len(keys)} courses in {published:.1f} s")
        print(f"{count} sends to the hub: {count / len(keys):.2f} a course")
        print(f"{hub['attempts'] - held['attempts']} webhooks to the portal, {len(keys)} courses of 2 modules each")
        print(f"the last state of all was at the portal {arrived - published:.1f} s after the last publication")
        print(f"left: {len(chain.state('lms')['waiting'])} exports, {hub['waiting']} deliveries")


if __name__ == "__main__":
    main()
