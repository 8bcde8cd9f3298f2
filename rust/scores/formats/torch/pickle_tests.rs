//! Pickles that run code, and tensors that do not lie in their storage.

use std::path::Path;

use super::tests::{Is, file_of, fixture, int, of, patched, plain, refused, tensor, text};

#[test]
fn hostile_pickles_are_refused() {
    refused(&fixture("malicious_reduce"), Is::Unsafe, &["posix.system", "nothing was run"]);
    refused(&of(b"cos\nsystem\nX\x02\0\0\0ls\x85R"), Is::Unsafe, &["os.system"]);
    assert!(!Path::new("pwned-by-pickle").exists());
    let opcodes: &[(&[u8], &str)] = &[
        (b"}}b", "BUILD"),
        (b"))\x81", "NEWOBJ"),
        (b"(ios\nsystem\n", "INST"),
        (b"(o", "OBJ"),
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\x01", "EXT2"),
        (b"\x84\x01\x01\x01\x01", "EXT4"),
        (b"\x93", "STACK_GLOBAL"),
        (b"P0\n", "PERSID"),
        (b"N2", "DUP"),
        (b"N0", "POP"),
        (b"))}\x92", "NEWOBJ_EX"),
    ];
    for (body, name) in opcodes {
        refused(&of(body), Is::Unsafe, &[&format!("opcode {name} "), "at byte 4"]);
    }
    refused(&of(b"ccollections\nOrderedDict\nN\x85R"), Is::Unsafe, &["OrderedDict", "1 arguments"]);
    refused(
        &of(b"ctorch._utils\n_rebuild_tensor_v2\nN\x85R"),
        Is::Unsafe,
        &["_rebuild_tensor_v2", "6 arguments"],
    );
    refused(
        &of(b"ctorch._utils\n_rebuild_tensor_v3\n)R"),
        Is::Unsafe,
        &["_rebuild_tensor_v3", "7 arguments"],
    );
    refused(
        &of(b"ctorch._utils\n_rebuild_parameter\n)R"),
        Is::Unsafe,
        &["_rebuild_parameter", "3 arguments"],
    );
    refused(&of(b"N\x85Q"), Is::Unsafe, &["persistent id"]);
    refused(&of(b"\x85"), Is::Unsafe, &["underflow", "at byte 42"]);
    refused(&of(b"N(\x85"), Is::Unsafe, &["underflow", "at byte 44"]);
    refused(&of(b"t"), Is::Unsafe, &["underflow", "MARK"]);
    refused(&of(b"h\x07"), Is::Unsafe, &["memo 7", "at byte 42"]);
    refused(&of(b"NN"), Is::Unsafe, &["STOP"]);
    refused(&file_of(b"\x80\x02N", b"little"), Is::Truncated, &["STOP", "3 bytes"]);
    refused(&file_of(b"\x80\x02N..", b"little"), Is::Format, &["1 bytes", "after its STOP"]);
    for protocol in [3, 4, 5] {
        let bytes = file_of(&[0x80, protocol, b'N', b'.'], b"little");
        refused(&bytes, Is::Unsafe, &[&format!("protocol {protocol}"), "re-save"]);
    }
    refused(&of(&[b'('; 65]), Is::Format, &["64", "limit"]);
    refused(&of(&vec![b'N'; 8 << 20]), Is::Format, &["data.pkl", "limit is 8388608"]);
    refused(&of(&vec![b'N'; 4_000_001]), Is::Format, &["4000000 opcodes", "limit"]);
}

#[test]
fn tensors_are_held_against_their_storage() {
    refused(&plain(4, 0, &[3], &[1]), Is::Format, &["4 values", "12 bytes"]);
    refused(&plain(3, 1, &[3], &[1]), Is::Format, &["past the bound", "3 values"]);
    refused(&plain(3, 0, &[3], &[2]), Is::Format, &["past the bound", "stride 2"]);
    refused(&plain(3, 4, &[0], &[1]), Is::Format, &["past the bound"]);
    refused(&plain(-1, 0, &[3], &[1]), Is::Format, &["-1"]);
    refused(&plain(3, -1, &[3], &[1]), Is::Format, &["storage offset -1"]);
    refused(&plain(3, 0, &[-3], &[1]), Is::Format, &["size -3"]);
    refused(&plain(3, 2, &[3], &[-1]), Is::Format, &["stride -1"]);
    let huge = b"\x8a\x09\0\0\0\0\0\0\0\x80\0";
    let body = tensor("torch\nFloatStorage", huge, 0, &[3], &[1], b"");
    refused(&of(&body), Is::Format, &["9223372036854775808"]);
    let most = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let body = tensor("torch\nFloatStorage", most, 0, &[3], &[1], b"");
    refused(&of(&body), Is::Format, &["9223372036854775807"]);
    refused(&plain(3, 0, &[3], &[0]), Is::Format, &["stride 0", ".contiguous()"]);
    refused(&plain(3, 0, &[], &[]), Is::Schema, &["shape ()"]);
    refused(&fixture("scalar"), Is::Schema, &["shape ()"]);
    refused(&fixture("matrix_n_by_3"), Is::Schema, &["shape (", ", 3)", "(n, 1)"]);
    refused(&plain(3, 0, &[3], &[1, 1]), Is::Format, &["shape", "strides"]);
    let no = patched(&plain(3, 0, &[3], &[1]), b"s/data/0", b"s/data/1");
    refused(&no, Is::Format, &["no entry \"s/data/0\""]);
    for (key, fix) in [("neg", ".resolve_neg()"), ("conj", ".resolve_conj()")] {
        let tail = [&b"}"[..], &text(key)[..], b"\x88s"].concat();
        let body = tensor("torch\nFloatStorage", &int(3), 0, &[3], &[1], &tail);
        refused(&of(&body), Is::Format, &[key, fix]);
    }
}

#[test]
fn other_kinds_of_tensors_are_named() {
    refused(&fixture("sparse"), Is::Format, &["sparse", "to_dense"]);
    refused(&of(b"ctorch._utils\n_rebuild_qtensor\n"), Is::Format, &["quantized"]);
    refused(&of(b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n"), Is::Format, &["meta"]);
    refused(&of(b"ctorch._tensor\n_rebuild_from_type_v2\n"), Is::Format, &["subclass"]);
    refused(&fixture("bool"), Is::Schema, &["dtype bool", "booleans=True"]);
    refused(&fixture("complex64"), Is::Schema, &["dtype complex64"]);
    let body = tensor("torch.storage\nUntypedStorage", &int(12), 0, &[3], &[1], b"ctorch\nfloat8_e5m2\n");
    refused(&of(&body), Is::Schema, &["dtype float8_e5m2"]);
}
