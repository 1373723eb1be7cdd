"""Where the shared test vectors lie; absent vectors skip a test with a reason."""

from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"


def vector_path(*parts: str) -> Path:
    """The path of a vector file or folder below ``../shared/vectors``."""
    path = VECTORS.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"vectors absent: ../shared/vectors/{'/'.join(parts)}")
    return path
