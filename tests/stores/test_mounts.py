"""A state file on a network file system is refused with advice; wherever that is not known, it is allowed."""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbauth.errors import StoreError
from cbauth.stores.sqlite.mounts import refuse_network

NETWORK = [
    *("afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
    *("ocfs2", "pvfs2", "smb3", "smbfs", "wekafs"),
    *("fuse.blobfuse2", "fuse.ceph", "fuse.ceph-fuse", "fuse.cephfs", "fuse.curlftpfs", "fuse.davfs", "fuse.davfs2"),
    *("fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.gvfsd-fuse", "fuse.juicefs", "fuse.mfs", "fuse.mount-s3"),
    *("fuse.mountpoint-s3", "fuse.rclone", "fuse.s3fs", "fuse.smbnetfs", "fuse.sshfs"),
]
LOCAL = [
    *("9p", "apfs", "autofs", "bcachefs", "btrfs", "ecryptfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuse"),
    *("fuseblk", "nfsd", "ntfs3", "overlay", "ramfs", "tmpfs", "vboxsf", "vfat", "virtiofs", "xfs", "zfs"),
    *("fuse.bindfs", "fuse.encfs", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.mergerfs", "fuse.portal"),
    *("NFS", "nfs5", "fused.sshfs", "fuse.", "fuseblk.sshfs"),
]


def line(point: Path | str, kind: str, *, source: str = "server:/export", optional: str = "shared:1 ") -> str:
    """A mount as Linux lists it, proc(5); ``point`` escaped already."""
    return f"36 35 98:0 / {point} rw,noatime {optional}- {kind} {source} rw,vers=4.2\n"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder for things to be mounted in, by its real name."""
    disk = tmp_path.resolve() / "disk"
    disk.mkdir()
    return disk


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Where a test lists what is mounted; at first a local root."""
    table = tmp_path / "mountinfo"
    table.write_text(line("/", "ext4"))
    return table


def add(table: Path, *lines: str) -> None:
    with table.open("a", encoding="utf-8") as file:
        file.writelines(lines)


def refused(path: Path, table: Path) -> bool:
    try:
        refuse_network(path, table)
    except StoreError:
        return True
    return False


# what is refused, and what is said


@pytest.mark.parametrize("kind", NETWORK)
def test_a_network_file_system_is_refused(kind: str, disk: Path, table: Path) -> None:
    add(table, line(disk, kind))
    with pytest.raises(StoreError, match=rf"\({kind}, mounted at "):
        refuse_network(disk / "state.db", table)


@pytest.mark.parametrize("kind", LOCAL)
def test_any_other_file_system_is_allowed_even_below_a_network_one(kind: str, disk: Path, table: Path) -> None:
    add(table, line(disk.parent, "nfs4"), line(disk, kind))
    refuse_network(disk / "state.db", table)


def test_the_message_names_the_file_the_type_the_mount_point_and_two_ways_out(disk: Path, table: Path) -> None:
    add(table, line(disk, "nfs4"))
    with pytest.raises(StoreError) as caught:
        refuse_network(disk / "me" / "state.db", table)
    assert str(caught.value) == (
        f"{disk}/me/state.db is on a network file system (nfs4, mounted at {disk}): SQLite's locks do not hold there;"
        " set `state.store` to sqlite:PATH on a local disk, or to redis://HOST if several machines share the state"
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mountpoint-s3", "fuse.mountpoint-s3"),
        ("blobfuse2", "fuse.blobfuse2"),
        ("mfs#files.example:9421", "fuse.mfs"),
        ("https://me:open-sesame@dav.example/files", "fuse"),
    ],
)
def test_fuse_without_a_name_is_judged_by_its_source_which_is_not_repeated(
    source: str, name: str, disk: Path, table: Path
) -> None:
    add(table, line(disk, "fuse", source=source))
    with pytest.raises(StoreError, match=rf"\({name}, mounted at ") as caught:
        refuse_network(disk / "state.db", table)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("source", ["/dev/fuse", "rclone-like", "", "my#sshfs"])
def test_fuse_without_a_name_is_allowed_when_its_source_says_nothing(source: str, disk: Path, table: Path) -> None:
    add(table, line(disk, "fuse", source=source))
    refuse_network(disk / "state.db", table)


def test_a_local_file_system_is_allowed_whatever_its_source_is_called(disk: Path, table: Path) -> None:
    add(table, line(disk, "ext4", source="nfs4"), line(disk, "tmpfs", source="sshfs"))
    refuse_network(disk / "state.db", table)


# which mount counts


def test_a_file_far_below_a_network_mount_is_refused(disk: Path, table: Path) -> None:
    add(table, line(disk, "nfs4"))
    (disk / "home" / "me").mkdir(parents=True)
    (disk / "home" / "me" / "state.db").touch()
    assert refused(disk / "home" / "me" / "state.db", table)


def test_a_file_that_does_not_exist_counts_where_it_would_be_made(disk: Path, table: Path) -> None:
    add(table, line(disk, "nfs4"))
    assert refused(disk / "not" / "made" / "yet" / "state.db", table)
    assert not refused(disk.parent / "not" / "made" / "yet" / "state.db", table)


def test_a_mount_point_itself_counts_as_what_is_mounted_there(disk: Path, table: Path) -> None:
    add(table, line(disk, "nfs4"))
    assert refused(disk, table)


def test_a_root_from_the_network_counts_for_what_nothing_else_holds(disk: Path, table: Path) -> None:
    table.write_text(line("/", "nfs4") + line(disk, "ext4"))
    assert refused(disk.parent / "state.db", table)
    assert not refused(disk / "state.db", table)


def test_the_deepest_mount_counts_in_whatever_order_they_are_listed(disk: Path, table: Path) -> None:
    far, near = disk / "far", disk / "far" / "near"
    lines = [line("/", "ext4"), line(disk, "xfs"), line(far, "nfs4"), line(near, "tmpfs"), line(near / "again", "cifs")]
    for order in permutations(lines):
        table.write_text("".join(order))
        answers = [refused(folder / "state.db", table) for folder in (disk, far, near, near / "again")]
        assert answers == [False, True, False, True]


def test_of_two_mounts_in_one_place_the_last_counts(disk: Path, table: Path) -> None:
    add(table, line(disk, "autofs"), line(disk, "nfs4"))
    assert refused(disk / "state.db", table)
    add(table, line(disk, "ext4"))
    assert not refused(disk / "state.db", table)


def test_a_neighbour_whose_name_begins_the_same_does_not_count(disk: Path, table: Path) -> None:
    add(table, line(disk, "nfs4"))
    assert not refused(disk.with_name("disk2") / "state.db", table)
    assert not refused(disk.with_name("dis") / "state.db", table)


def test_a_symbolic_link_counts_as_what_it_leads_to(disk: Path, table: Path) -> None:
    far, near = disk / "far", disk / "near"
    far.mkdir()
    near.mkdir()
    (near / "state").symlink_to(far)
    (far / "state").symlink_to(near)
    (near / "state.db").symlink_to(far / "not-made-yet.db")
    add(table, line(far, "nfs4"))
    assert refused(near / "state" / "state.db", table)
    assert refused(near / "state.db", table)
    assert not refused(far / "state" / "other.db", table)


def test_a_relative_path_starts_at_the_current_folder(disk: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(table, line(disk, "nfs4"))
    monkeypatch.chdir(disk)
    assert refused(Path("state.db"), table)
    assert not refused(Path("../state.db"), table)


# how mounts are listed


@pytest.mark.parametrize("optional", ["", "shared:1 ", "shared:1 master:2 ", "master:2 propagate_from:3 unbindable "])
def test_any_number_of_optional_fields_is_read(optional: str, disk: Path, table: Path) -> None:
    add(table, line(disk, "nfs4", optional=optional))
    assert refused(disk / "state.db", table)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("my files", r"my\040files"),
        ("tab\there", r"tab\011here"),
        ("two\nlines", r"two\012lines"),
        ("back\\slash", r"back\134slash"),
        ("no\\040blank", r"no\134040blank"),
        ("sharp#", r"sharp\043"),
        ("-", "-"),
        ("größe", "größe"),
    ],
)
def test_an_escaped_name_is_read_as_the_folder_it_means(name: str, written: str, disk: Path, table: Path) -> None:
    (disk / name).mkdir()
    add(table, line(f"{disk}/{written}", "nfs4"))
    with pytest.raises(StoreError) as caught:
        refuse_network(disk / name / "state.db", table)
    assert f"mounted at {disk}/{name})" in str(caught.value)
    assert not refused(disk / "state.db", table)


def test_a_name_that_is_no_text_is_read_too(disk: Path, table: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(disk) + b"/\xff\xfe"))
    table.write_bytes(b"1 0 0:1 / " + os.fsencode(folder) + b" rw - nfs4 server:/ rw\n")
    assert refused(folder / "state.db", table)
    assert not refused(disk / "state.db", table)


def test_lines_that_make_no_sense_are_passed_over(disk: Path, table: Path) -> None:
    nonsense = "\n".join(
        [
            *("", " ", "-", "hello", " - - - - - - - - -", "1 2 3"),
            *(f"36 35 98:0 / {disk} rw nfs4 server:/ rw", f"36 - nfs4 server:/ {disk} rw rw"),
            *(f"36 35 98:0 / {disk} rw -", f"36 35 98:0 / {disk} rw - nfs4"),
            *("36 35 98:0 /  rw - nfs4 server:/ rw", "36 35 98:0 / disk rw - nfs4 server:/ rw"),
            *(rf"36 35 98:0 / {disk}\777 rw - nfs4 server:/ rw", ""),
        ]
    )
    table.write_text(nonsense)
    assert not refused(disk / "state.db", table)
    add(table, line(disk, "nfs4"), nonsense)
    assert refused(disk / "state.db", table)


# where it is not known


def test_without_a_table_every_file_is_allowed(disk: Path, tmp_path: Path) -> None:
    refuse_network(disk / "state.db", tmp_path / "missing")
    refuse_network(disk / "state.db", tmp_path)  # a folder, which cannot be read


def test_an_empty_table_and_one_of_junk_allow_every_file(disk: Path, table: Path) -> None:
    for junk in (b"", b"\0" * 100, bytes(range(256)) * 10, b"\xff\xfe\n" * 10):
        table.write_bytes(junk)
        refuse_network(disk / "state.db", table)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000])
def test_a_path_that_cannot_be_is_left_for_others_to_refuse(name: str, disk: Path, table: Path) -> None:
    refuse_network(disk / name, table)


def test_links_in_a_circle_are_left_for_others_to_refuse(disk: Path, table: Path) -> None:
    (disk / "round").symlink_to(disk / "round")
    refuse_network(disk / "round" / "state.db", table)


def test_the_table_of_this_machine_allows_its_own_folder_for_temporary_files(tmp_path: Path) -> None:
    refuse_network(tmp_path / "state.db")


FRAGMENTS = st.sampled_from(
    [b" ", b"-", b" - ", b"\n", b"/", b"\\", b"\\040", b"\\777", b"nfs4", b"fuse.", b"fuse", b"1 2 3:4 / / rw - "]
)


@given(junk=st.binary(max_size=300) | st.lists(FRAGMENTS | st.binary(max_size=3), max_size=40).map(b"".join))
def test_no_table_whatever_raises_anything_but_store_error(
    junk: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.getbasetemp() / "junk-mountinfo"
    table.write_bytes(junk)
    refused(table, table)
