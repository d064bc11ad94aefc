"""Many seeds, on all cores: `make simulate ARGS="--seeds 20000 --first 0"`.

With `--seed N` one of them, step by step. Exits with 1 if anything was lost or doubled, or is wrong
by a cent, in any of them.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import Pool

from tests.simulation.simulation import Outcome, Simulation

EVERY_SECONDS = 2.0


def outcome(seed: int) -> Outcome:
    """What a seed gives; what was said only if something is wrong."""
    of_seed = Simulation(seed).run()
    return of_seed if of_seed.flaws else Outcome(seed, [], [], of_seed.seals)


def told(seed: int) -> int:
    """Replay one seed and print all that happens."""
    of_seed = Simulation(seed).run()
    print("\n".join(of_seed.said))
    for name, seal in of_seed.seals.items():
        print(f"the log of {name} ends with {seal}")
    print("\n".join(of_seed.flaws) or "nothing lost, nothing doubled, no cent wrong, no gap")
    return int(bool(of_seed.flaws))


def many(seeds: Sequence[int], jobs: int) -> int:
    """Run seeds on some cores; print progress, and each that went wrong."""
    began = shown = time.monotonic()
    wrong: list[int] = []
    with Pool(jobs) as pool:
        for count, of_seed in enumerate(pool.imap_unordered(outcome, seeds, chunksize=8), start=1):
            now = time.monotonic()
            if of_seed.flaws:
                wrong.append(of_seed.seed)
                print(f"\nseed {of_seed.seed}: " + "\n  ".join(of_seed.flaws[:5]), flush=True)
            if now - shown > EVERY_SECONDS or count == len(seeds):
                shown, rate = now, count / (now - began)
                left = (len(seeds) - count) / rate
                line = f"{count} of {len(seeds)} seeds, {rate:.1f}/s, {left:.0f} s left"
                print(f"\r{line}, {len(wrong)} wrong ", end="", file=sys.stderr, flush=True)
    print(f"\n{len(seeds)} seeds in {time.monotonic() - began:.0f} s: {len(wrong)} wrong")
    if wrong:
        print(f'replay one: make simulate ARGS="--seed {wrong[0]}"')
    return int(bool(wrong))


def main() -> int:
    """Run what the arguments say."""
    options = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    options.add_argument("--seeds", type=int, default=20_000, help="how many (default 20 000)")
    options.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    options.add_argument("--seed", type=int, help="this one alone, step by step")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cores to use")
    chosen = options.parse_args()
    if chosen.seed is not None:
        return told(chosen.seed)
    return many(range(chosen.first, chosen.first + chosen.seeds), chosen.jobs)


if __name__ == "__main__":
    sys.exit(main())
