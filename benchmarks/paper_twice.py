"""Make the demo's paper in two fresh clones of this commit, and compare every file of it.

    make paper-twice                     (6 minutes of CPU, 1 GB)

Ends with 1 if a file differs, or is in one of them only.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, two = (paper(Path(folder) / name) for name in ("one", "elsewhere"))
    different = sorted(name for name in {*one, *two} if one.get(name) != two.get(name))
    for name in sorted(one):
        print(f"{'DIFFERS' if name in different else 'same':8} {one[name][:16]}  {name}")
    print(f"{len(one)} files, {len(different)} differ: {', '.join(different) or 'none'}")
    sys.exit(bool(different))


def paper(clone: Path) -> dict[str, str]:
    """SHA-256 of every file of the paper that a fresh clone makes, by name."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    command = [sys.executable, "-m", "snakemake", "paper"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    made = clone / "results" / "demo" / "paper"
    files = sorted(path for path in made.rglob("*") if path.is_file() and path.name != ".snakemake_timestamp")
    return {str(path.relative_to(made)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    main()
