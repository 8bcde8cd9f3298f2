"""Encrypted Parquet is called encrypted, and the columns of it that are not are read."""

import base64

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.parquet import encryption

import dsdm
from dsdm import selections
from dsdm.errors import FormatError
from tests.oracle.equality import table_difference

ROWS = 1000
ALGORITHMS = ["AES_GCM_V1", "AES_GCM_CTR_V1"]
WHAT_TO_DO = "read_table reads it with decryption_properties="


class Keys(encryption.KmsClient):
    """Keys that are wrapped by their names."""

    def __init__(self, _connection):
        super().__init__()

    def wrap_key(self, key, master):
        return base64.b64encode(master.encode() + key)

    def unwrap_key(self, wrapped, master):
        return base64.b64decode(wrapped)[len(master) :]


@pytest.fixture(scope="module")
def table():
    numbers = np.random.default_rng(0).standard_normal((2, ROWS))
    return pa.table(
        {
            "score": numbers[0].astype(np.float32),
            "other": numbers[1],
            "text": [f"row {row}" for row in range(ROWS)],
            "tokens": [list(range(row % 5)) for row in range(ROWS)],
            "both": [{"a": row, "b": str(row)} for row in range(ROWS)],
        }
    )


def write(path, table, columns, *, plain=True, algorithm="AES_GCM_V1", **options):
    """Write row groups of 300 rows, with these columns encrypted by a key of their own."""
    how = encryption.EncryptionConfiguration(
        footer_key="footer",
        column_keys={"key": columns},
        encryption_algorithm=algorithm,
        plaintext_footer=plain,
    )
    factory = encryption.CryptoFactory(Keys)
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), how)
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties, **options) as writer:
        writer.write_table(table, row_group_size=300)
    return path


def names(table, encrypted):
    """The columns without one of which a leaf is encrypted."""
    return [name for name in table.column_names if name not in {leaf.split(".")[0] for leaf in encrypted}]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("leaves", [["text"], ["score", "tokens.list.element"], ["both.b"]])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_columns_that_are_not_encrypted_are_read(tmp_path, table, algorithm, leaves, version):
    path = write(tmp_path / "a.parquet", table, leaves, algorithm=algorithm, data_page_version=version)
    plain = names(table, leaves)
    rows = np.random.default_rng(1).integers(0, ROWS, 200)
    taken = dsdm.open_shards(path, columns=plain).take(rows)
    assert table_difference(taken, table.select(plain).take(rows)) is None
    dsdm.materialize(path, rows, tmp_path / "out", columns=plain)
    dsdm.verify(tmp_path / "out")
    if "score" in plain:
        np.testing.assert_array_equal(dsdm.open_scores(path, column="score")[:], table["score"].to_numpy())


def calls(path, out):
    """Every way to read rows."""
    shards = dsdm.open_shards(path)
    assert len(shards) == ROWS
    return {
        "take": lambda: shards.take([0]),
        "take none": lambda: shards.take([]),
        "a row": lambda: shards[5],
        "rows": lambda: shards[2:4],
        "each row": lambda: list(shards),
        "select": lambda: dsdm.select(path, [1, 2]),
        "plan": lambda: dsdm.plan(path, [1], out),
        "materialize": lambda: dsdm.materialize(path, [1], out),
        "materialize as Parquet": lambda: dsdm.materialize(path, [1], out, format="parquet"),
        "lazily": lambda: selections.get_candidate_dataset(path=str(path))[0],
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("leaf", ["score", "text", "tokens.list.element", "both.a"])
def test_an_encrypted_column_that_is_wanted_is_called_encrypted(tmp_path, table, algorithm, leaf):
    path = write(tmp_path / "a.parquet", table, [leaf], algorithm=algorithm)
    for call in calls(path, tmp_path / "out").values():
        with pytest.raises(FormatError) as raised:
            call()
        said = str(raised.value)
        assert str(path) in said
        assert f'column "{leaf}": it is encrypted' in said
        assert WHAT_TO_DO in said
        assert "name the others with columns=" in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.parquet"]


def test_encrypted_scores_are_called_encrypted(tmp_path, table):
    path = write(tmp_path / "a.parquet", table, ["score"])
    with pytest.raises(FormatError, match=r'column "score": it is encrypted.*another column with column='):
        dsdm.open_scores(path, column="score")
    np.testing.assert_array_equal(dsdm.open_scores(path, column="other")[:], table["other"].to_numpy())


def test_one_file_of_several_may_be_encrypted(tmp_path, table):
    pq.write_table(table, tmp_path / "a-00000-of-00002.parquet")
    encrypted = write(tmp_path / "a-00001-of-00002.parquet", table, ["text"])
    shards = dsdm.open_shards(tmp_path)
    with pytest.raises(FormatError, match=f'{encrypted}: column "text": it is encrypted'):
        shards.take([0])
    plain = names(table, ["text"])
    taken = dsdm.open_shards(tmp_path, columns=plain).take([3, ROWS + 3])
    assert table_difference(taken, table.select(plain).take([3, 3])) is None


def test_an_encrypted_footer_is_called_encrypted(tmp_path, table):
    path = write(tmp_path / "a.parquet", table, ["text"], plain=False)
    for call in (lambda: dsdm.open_shards(path), lambda: dsdm.open_scores(path, column="score")):
        with pytest.raises(FormatError, match=f"{path}: at byte 0: this is Parquet with an encrypted footer") as raised:
            call()
        assert WHAT_TO_DO in str(raised.value)
    # The magic at the end alone.
    whole = path.read_bytes()
    path.write_bytes(b"PAR1" + whole[4:])
    for call in (lambda: dsdm.open_shards(path), lambda: dsdm.open_scores(path, column="score")):
        with pytest.raises(FormatError, match=f"at byte {len(whole)}: this is Parquet with an encrypted footer"):
            call()


def test_the_command_says_how_to_leave_the_column_out(run, tmp_path, table):
    write(tmp_path / "a.parquet", table, ["text"])
    np.save(tmp_path / "rows.npy", np.arange(5))
    command = ["materialize", "a.parquet", "out", "--indices", "rows.npy"]
    code, _, said = run(*command)
    assert code == 1
    assert "it is encrypted" in said
    assert "name the others with --columns" in said
    assert run(*command, "--columns", "score", "--columns", "tokens")[0] == 0
    assert (tmp_path / "out" / "dsdm.json").is_file()
