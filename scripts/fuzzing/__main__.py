"""Fuzzes the targets one after the other, each in a process of its own: see scripts/fuzz for how to use it."""

import argparse
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).with_name("corpus")
FOUND = ROOT / ".fuzz"
"""What a run leaves: corpora as they grew, and inputs that broke a promise. Not kept in the repository."""
_CHATTER = ("INFO: ", "WARNING: Failed to find function", "######", '"', "#")
"""How lines of atheris begin that tell a person nothing."""
_MOST_KEPT = 40
"""Inputs of a target that the repository keeps at most."""


def main() -> int:
    arguments = _arguments()
    if arguments.one:
        return _one(arguments.one, arguments.seconds, arguments.engine)
    if arguments.replay:
        return _replay(arguments.targets[0], arguments.replay)
    from scripts.fuzzing.targets import TARGETS

    names = arguments.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        print(f"There is no target {', '.join(unknown)}. There are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    engine = arguments.engine or ("atheris" if importlib.util.find_spec("atheris") else "hypothesis")
    if engine == "hypothesis" and not arguments.engine:
        print("Without atheris (no wheel for this machine): by hypothesis, which is not led by what was covered.")
    seconds = max(1, int(arguments.minutes * 60 / len(names)))
    failed = [name for name in names if not _run(name, seconds, engine)]
    if arguments.keep and engine == "atheris":
        for name in names:
            _keep(name)
    for name in failed:
        print(f"\n{name} broke a promise. The input lies in {FOUND / 'crashes' / name}; to see it again:")
        for path in sorted((FOUND / "crashes" / name).glob("*")):
            print(f"    scripts/fuzz --replay {path} {name}")
        print(f"Once it is mended, put the file into {CORPUS / name}: the suite tries it from then on.")
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("targets", nargs="*", help="which doors; all of them unless said")
    parser.add_argument("--minutes", type=float, default=10, help="in all, shared by the targets (10)")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"))
    parser.add_argument("--replay", type=Path, help="try this one input on the target that is named")
    parser.add_argument("--keep", action="store_true", help="afterwards, put the smallest inputs that reach furthest "
                        "into the corpus of the repository")  # fmt: skip
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=60, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run(name: str, seconds: int, engine: str) -> bool:
    """One target in a process of its own. True when no promise was broken."""
    print(f"\n== {name}: {seconds} s by {engine}", flush=True)
    command = [sys.executable, "-m", "scripts.fuzzing", "--one", name, "--seconds", str(seconds), "--engine", engine]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith(_CHATTER):
                print(line, end="", flush=True)
    return process.returncode == 0


def _one(name: str, seconds: int, engine: str) -> int:
    crashes = FOUND / "crashes" / name
    if engine == "hypothesis":
        from scripts.fuzzing.trying import try_for

        return 1 if try_for(name, seconds, crashes) else 0
    import atheris

    with atheris.instrument_imports(include=["exchange", "agent.footage.files", "agent.media.containers"]):
        from scripts.fuzzing.targets import TARGETS
    target = TARGETS[name]
    grown = FOUND / "corpus" / name
    for folder in (crashes, grown, CORPUS / name):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (grown / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={target.longest}",
        f"-artifact_prefix={crashes}/",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(grown), str(CORPUS / name)], target.check)
    atheris.Fuzz()
    return 0


def _keep(name: str) -> None:
    """The smallest inputs of what grew, one for each way in, at most so many, beside those that are kept already."""
    known = {path.name for path in (CORPUS / name).glob("*")}
    for path in sorted((FOUND / "corpus" / name).glob("*"), key=lambda path: path.stat().st_size):
        if len(known) >= _MOST_KEPT:
            return
        if path.name not in known and path.stat().st_size <= 4096:
            shutil.copyfile(path, CORPUS / name / path.name)
            known.add(path.name)


def _replay(name: str, path: Path) -> int:
    from scripts.fuzzing.targets import TARGETS

    TARGETS[name].check(path.read_bytes())
    print(f"{name} keeps its promises with {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
