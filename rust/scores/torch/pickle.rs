//! The pickle of a torch file, read as inert values.
//!
//! A pickle is a program for a stack machine that can call anything. This machine knows the few opcodes
//! that describe tensors in tuples, lists and dicts, and refuses every other by name. Values are small and
//! copied freely; compounds live in an arena and are referred to by their place in it, so that no input can
//! make reading, copying or dropping a value recurse or multiply.

use std::collections::HashMap;
use std::path::Path;

use super::globals::{Global, Meaning, meaning};
use super::opcodes;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};

/// Marks that may be open at once.
const MAX_DEPTH: usize = 64;
/// Opcodes that may run.
const MAX_STEPS: u64 = 1_000_000;

/// A value of the pickle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'p> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'p str),
    Global(Global),
    /// Place in [`Heap::lists`].
    Tuple(usize),
    /// Place in [`Heap::lists`].
    List(usize),
    /// Place in [`Heap::dicts`].
    Dict(usize),
    /// Place in [`Heap::dicts`].
    OrderedDict(usize),
    Storage(Storage<'p>),
    /// Place in [`Heap::tensors`].
    Tensor(usize),
}

impl Value<'_> {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Str(_) => "a str",
            Self::Global(_) => "a global",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::OrderedDict(_) => "an OrderedDict",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// A storage that a persistent id names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Storage<'p> {
    pub(super) kind: super::globals::Kind,
    /// Its entry is `data/<key>`.
    pub(super) key: &'p str,
    pub(super) location: &'p str,
    /// In values, or in bytes if untyped.
    pub(super) numel: i64,
}

/// A tensor as it was described; nothing of it is checked against the file yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor<'p> {
    pub(super) storage: Storage<'p>,
    pub(super) offset: i64,
    /// Place in [`Heap::lists`], not a copy: many tensors can share one long tuple.
    pub(super) size: usize,
    /// Place in [`Heap::lists`].
    pub(super) stride: usize,
    /// The type, if the storage has none.
    pub(super) kind: Option<super::globals::Kind>,
    /// Place in [`Heap::dicts`] of flags such as `neg` and `conj`.
    pub(super) metadata: Option<usize>,
    /// Byte of the file where it was built.
    pub(super) at: u64,
}

/// The compounds.
#[derive(Debug, Default)]
pub(super) struct Heap<'p> {
    pub(super) lists: Vec<Vec<Value<'p>>>,
    pub(super) dicts: Vec<Vec<(Value<'p>, Value<'p>)>>,
    pub(super) tensors: Vec<Tensor<'p>>,
}

impl<'p> Heap<'p> {
    /// The items of a tuple or list.
    pub(super) fn list(&self, place: usize) -> Result<&[Value<'p>]> {
        checked::get(&self.lists, place).map(Vec::as_slice)
    }

    /// The items of a dict, in the order in which they were set.
    pub(super) fn dict(&self, place: usize) -> Result<&[(Value<'p>, Value<'p>)]> {
        checked::get(&self.dicts, place).map(Vec::as_slice)
    }
}

/// Runs the pickle that lies at byte `start` of the file, and gives its root.
pub(super) fn read<'p>(path: &Path, start: u64, bytes: &'p [u8]) -> Result<(Value<'p>, Heap<'p>)> {
    let mut machine = Machine {
        path,
        start,
        bytes,
        next: 0,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap: Heap::default(),
    };
    let root = machine.run()?;
    Ok((root, machine.heap))
}

/// The stack machine.
pub(super) struct Machine<'a, 'p> {
    path: &'a Path,
    start: u64,
    bytes: &'p [u8],
    /// Where the next byte is.
    next: usize,
    /// Where the opcode being run is.
    at: usize,
    stack: Vec<Value<'p>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'p>>,
    pub(super) heap: Heap<'p>,
}

impl<'p> Machine<'_, 'p> {
    fn run(&mut self) -> Result<Value<'p>> {
        if self.take(1)? != [opcodes::PROTO] {
            return Err(self
                .refuse("the pickle has no protocol mark: expected protocol 2; re-save it with torch.save"));
        }
        self.protocol()?;
        for _ in 0..MAX_STEPS {
            self.at = self.next;
            let opcode = self.byte()?;
            if opcode == opcodes::STOP {
                return self.root();
            }
            self.step(opcode)?;
        }
        Err(self.format(format!(
            "more than {MAX_STEPS} opcodes, and that is the limit; save the scores as one tensor"
        )))
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            b'(' => self.mark()?,
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' => self.int::<4>(|b| i32::from_le_bytes(b).into())?,
            b'K' => self.int::<1>(|b| b[0].into())?,
            b'M' => self.int::<2>(|b| u16::from_le_bytes(b).into())?,
            0x8a => self.long()?,
            b'G' => {
                let bytes = self.array()?;
                self.stack.push(Value::Float(f64::from_be_bytes(bytes)));
            }
            b'X' => self.string()?,
            b')' => self.tuple(0)?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let count = self.since_mark()?;
                self.tuple(count)?;
            }
            b']' => {
                self.heap.lists.push(Vec::new());
                self.stack.push(Value::List(self.heap.lists.len() - 1));
            }
            b'}' => {
                self.heap.dicts.push(Vec::new());
                self.stack.push(Value::Dict(self.heap.dicts.len() - 1));
            }
            b'a' => self.append(1)?,
            b'e' => {
                let count = self.since_mark()?;
                self.append(count)?;
            }
            b's' => self.set_items(2)?,
            b'u' => {
                let count = self.since_mark()?;
                self.set_items(count)?;
            }
            b'q' => {
                let key = self.byte()?.into();
                self.put(key)?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.put(key)?;
            }
            b'h' => {
                let key = self.byte()?.into();
                self.get(key)?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.get(key)?;
            }
            b'c' => self.global()?,
            b'Q' => {
                let id = self.pop()?;
                let storage = self.persistent(id)?;
                self.stack.push(Value::Storage(storage));
            }
            b'R' => {
                let arguments = self.pop()?;
                let callee = self.pop()?;
                let value = self.reduce(callee, arguments)?;
                self.stack.push(value);
            }
            opcodes::PROTO => self.protocol()?,
            other => {
                let name = opcodes::name(other);
                return Err(self.refuse(format!(
                    "opcode {name} ({other:#04x}) is not one that describes tensors; nothing was run. \
                     Save the plain tensor with torch.save"
                )));
            }
        }
        Ok(())
    }

    /// The file's byte of the opcode being run.
    pub(super) fn byte_offset(&self) -> u64 {
        self.start.saturating_add(self.at as u64) // Proof: a place in messages.
    }

    pub(super) fn refuse(&self, message: impl Into<String>) -> Error {
        Error::unsafe_pickle(self.path, At::Byte(self.byte_offset()), message)
    }

    pub(super) fn format(&self, message: impl Into<String>) -> Error {
        Error::format(self.path, At::Byte(self.byte_offset()), message)
    }

    fn take(&mut self, count: usize) -> Result<&'p [u8]> {
        let rest = checked::get(self.bytes, self.next..)?;
        let Some((taken, _)) = rest.split_at_checked(count) else {
            let have = self.bytes.len();
            return Err(Error::truncated(
                self.path,
                At::Byte(checked::add(self.start, have as u64)?),
                format!(
                    "data.pkl ends after {have} bytes without its STOP opcode; copy or download the file again"
                ),
            ));
        };
        self.next += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        super::le(self.take(N)?, 0)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn line(&mut self) -> Result<&'p str> {
        let rest = checked::get(self.bytes, self.next..)?;
        // Proof: where no line ends, there is no byte after all that is there, and that is told.
        let len = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = self.take(len)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| self.refuse("a global whose name is not UTF-8"))
    }

    fn protocol(&mut self) -> Result<()> {
        match self.byte()? {
            2 => Ok(()),
            other => Err(self.refuse(format!(
                "pickle protocol {other}: expected protocol 2; re-save it with torch.save and its default pickle_protocol"
            ))),
        }
    }

    fn pop(&mut self) -> Result<Value<'p>> {
        let floor = self.marks.last().copied().unwrap_or(0); // Proof: without a mark, the whole stack is free.
        if self.stack.len() <= floor {
            return Err(self.refuse("the opcode needs a value and the stack has none (underflow)"));
        }
        self.stack.pop().ok_or_else(|| self.refuse("the stack is empty (underflow)"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value<'p>>> {
        let floor = self.marks.last().copied().unwrap_or(0); // Proof: without a mark, the whole stack is free.
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= floor => Ok(self.stack.split_off(from)),
            _ => {
                Err(self
                    .refuse(format!("the opcode needs {count} values and the stack has fewer (underflow)")))
            }
        }
    }

    fn mark(&mut self) -> Result<()> {
        if self.marks.len() >= MAX_DEPTH {
            return Err(self.format(format!("values nested deeper than {MAX_DEPTH}, and that is the limit")));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// Closes the last mark and gives the number of values after it.
    fn since_mark(&mut self) -> Result<usize> {
        match self.marks.pop() {
            Some(mark) => checked::sub(self.stack.len(), mark),
            None => Err(self.refuse("the opcode needs a MARK and there is none (underflow)")),
        }
    }

    fn int<const N: usize>(&mut self, value: fn([u8; N]) -> i64) -> Result<()> {
        let bytes = self.array()?;
        self.stack.push(Value::Int(value(bytes)));
        Ok(())
    }

    fn long(&mut self) -> Result<()> {
        let len = self.byte()?.into();
        let bytes = self.take(len)?;
        let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 16];
        let Some(low) = wide.get_mut(..len) else {
            return Err(self.format(format!("an integer of {len} bytes: expected a value that fits 64 bits")));
        };
        low.copy_from_slice(bytes);
        let value = i128::from_le_bytes(wide);
        let value = i64::try_from(value)
            .map_err(|_| self.format(format!("the integer {value}: expected a value that fits 64 bits")))?;
        self.stack.push(Value::Int(value));
        Ok(())
    }

    fn string(&mut self) -> Result<()> {
        let len = u32::from_le_bytes(self.array()?);
        let bytes = self.take(checked::index(len)?)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.format("a string that is not UTF-8"))?;
        self.stack.push(Value::Str(text));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        self.heap.lists.push(items);
        self.stack.push(Value::Tuple(self.heap.lists.len() - 1));
        Ok(())
    }

    fn append(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        match self.stack.last() {
            Some(Value::List(place)) => {
                let list = self.heap.lists.get_mut(*place);
                list.ok_or_else(|| impossible("a list is not in the heap"))?.extend(items);
                Ok(())
            }
            _ => Err(self.refuse("items are appended to what is not a list")),
        }
    }

    fn set_items(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        let Some(Value::Dict(place) | Value::OrderedDict(place)) = self.stack.last() else {
            return Err(self.refuse("items are set in what is not a dict"));
        };
        if !count.is_multiple_of(2) {
            return Err(self.refuse("a dict item has a key and no value"));
        }
        let dict = self.heap.dicts.get_mut(*place).ok_or_else(|| impossible("a dict is not in the heap"))?;
        dict.extend(items.as_chunks().0.iter().map(|[key, value]| (*key, *value)));
        Ok(())
    }

    fn put(&mut self, key: u32) -> Result<()> {
        let value = *self.stack.last().ok_or_else(|| self.refuse("nothing to memoize (underflow)"))?;
        self.memo.insert(key, value);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<()> {
        match self.memo.get(&key) {
            Some(value) => {
                self.stack.push(*value);
                Ok(())
            }
            None => Err(self.refuse(format!("memo {key} is read before it is written (underflow)"))),
        }
    }

    fn global(&mut self) -> Result<()> {
        let (module, name) = (self.line()?, self.line()?);
        match meaning(module, name) {
            Meaning::Allowed(global) => {
                self.stack.push(Value::Global(global));
                Ok(())
            }
            Meaning::Refused(kind, fix) => {
                Err(self
                    .format(format!("a {kind} tensor ({module}.{name}): expected a plain dense one; {fix}")))
            }
            Meaning::Unknown => Err(self.refuse(format!(
                "the pickle asks for the global {:?}, which no tensor needs; nothing was run. \
                 Only open it elsewhere if you trust who made it",
                format!("{module}.{name}")
            ))),
        }
    }

    fn root(&mut self) -> Result<Value<'p>> {
        let left = self.bytes.len() - self.next;
        if left != 0 {
            return Err(self.format(format!("{left} bytes of data.pkl after its STOP opcode: expected none")));
        }
        let root = self.pop()?;
        if self.stack.is_empty() && self.marks.is_empty() {
            Ok(root)
        } else {
            Err(self.refuse("STOP with more than the root on the stack"))
        }
    }
}
