"""Atomic writing."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from archc.files import WriteError, write_bytes, write_text, writing


def test_text_and_bytes(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "er" / "a.txt", "größer\r\n", fsync=True)
    assert (tmp_path / "deep" / "er" / "a.txt").read_bytes() == "größer\r\n".encode()
    write_bytes(tmp_path / "b", b"\0\1")
    assert (tmp_path / "b").read_bytes() == b"\0\1"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_broken_write(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(error), writing(path) as stream:  # noqa: PT012
        stream.write(b"new" * 100_000)
        stream.flush()
        assert path.read_text() == "old"
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_may_grow_no_more(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(WriteError, match=r"cannot write .*/a: the file is larger than is allowed here"):
            write_bytes(path, bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


FULL_DISK = """
import sys
from archc.files import WriteError, write_bytes
try:
    write_bytes(sys.argv[1] + "/a", bytes(1 << 20))
except WriteError as e:
    print(e)
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """On a file system of 64 KiB, mounted in a namespace of its own, where that is allowed."""
    mount, write = 'mount -t tmpfs -o size=64k none "$1"', f'"{sys.executable}" -c "$2" "$1"'
    script = f'{mount} && echo old > "$1/a" && {write} && cat "$1/a" && ls -A "$1"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(tmp_path), FULL_DISK]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    except FileNotFoundError:
        pytest.skip("there is no unshare here")
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"may not mount here: {done.stderr.strip()}")
    assert done.stdout.splitlines() == [f"cannot write {tmp_path}/a: the disk is full", "old", "a"], done.stderr


def test_permissions_are_those_of_any_new_file_and_then_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    umask = os.umask(0o027)
    try:
        write_text(path, "a")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o755)
    write_text(path, "b")
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"


def test_devices_and_folders_are_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="/dev/null: it is no regular file"):
        write_text("/dev/null", "text")
    with pytest.raises(WriteError, match="it is a folder"):
        write_text(tmp_path, "text")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"not a folder|file exists"):
        write_text(tmp_path / "file" / "a", "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match="permission denied"):
        write_text(tmp_path / "a", "text")
