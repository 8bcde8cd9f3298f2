//! The pickle of a torch file, read as inert values.
//!
//! A pickle is a program for a stack machine that can call anything. This machine knows the few opcodes
//! that describe tensors in tuples, lists and dicts, and refuses every other by name. Values are small and
//! copied freely; compounds live in an arena and are referred to by their place in it, so that no input can
//! make reading, copying or dropping a value recurse or multiply.

use std::collections::HashMap;
use std::path::Path;

use super::globals::{Meaning, meaning};
use super::input::Input;
use super::opcodes;
use super::rebuild::Rebuild;
use super::site::Site;
use super::value::{Heap, PickleValue};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};

/// Marks that may be open at once.
const MAX_DEPTH: usize = 64;
/// Opcodes that may run.
const MAX_STEPS: u64 = 4_000_000;

/// Runs the pickle that lies at byte `start` of the file, and gives its root.
pub(crate) fn read<'p>(path: &Path, start: u64, bytes: &'p [u8]) -> Result<(PickleValue<'p>, Heap<'p>)> {
    let mut machine = Machine {
        input: Input::new(path, start, bytes),
        at: start,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap: Heap::default(),
    };
    let root = machine.run()?;
    Ok((root, machine.heap))
}

/// The stack machine.
struct Machine<'a, 'p> {
    input: Input<'a, 'p>,
    /// The byte of the file at which the opcode being run stands.
    at: u64,
    stack: Vec<PickleValue<'p>>,
    marks: Vec<usize>,
    memo: HashMap<u32, PickleValue<'p>>,
    heap: Heap<'p>,
}

impl<'a, 'p> Machine<'a, 'p> {
    fn run(&mut self) -> Result<PickleValue<'p>> {
        if self.input.take(1)? != [opcodes::PROTO] {
            return Err(self
                .refuse("the pickle has no protocol mark: expected protocol 2; re-save it with torch.save"));
        }
        self.protocol()?;
        for _ in 0..MAX_STEPS {
            self.at = self.input.position();
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
            b'(' => self.mark(),
            b'N' => self.push(PickleValue::None),
            0x88 => self.push(PickleValue::Bool(true)),
            0x89 => self.push(PickleValue::Bool(false)),
            b'J' => self.int::<4>(|b| i32::from_le_bytes(b).into()),
            b'K' => self.int::<1>(|b| b[0].into()),
            b'M' => self.int::<2>(|b| u16::from_le_bytes(b).into()),
            0x8a => self.long(),
            b'G' => self.float(),
            b'X' => self.string(),
            b')' => self.tuple(0),
            0x85 => self.tuple(1),
            0x86 => self.tuple(2),
            0x87 => self.tuple(3),
            b't' => self.since_mark().and_then(|count| self.tuple(count)),
            b']' => self.list(),
            b'}' => self.dict(),
            b'a' => self.append(1),
            b'e' => self.since_mark().and_then(|count| self.append(count)),
            b's' => self.set_items(2),
            b'u' => self.since_mark().and_then(|count| self.set_items(count)),
            b'q' => self.byte().and_then(|key| self.put(key.into())),
            b'r' => self.array().and_then(|key| self.put(u32::from_le_bytes(key))),
            b'h' => self.byte().and_then(|key| self.get(key.into())),
            b'j' => self.array().and_then(|key| self.get(u32::from_le_bytes(key))),
            b'c' => self.global(),
            b'Q' => self.persistent(),
            b'R' => self.reduce(),
            opcodes::PROTO => self.protocol(),
            other => {
                let name = opcodes::name(other);
                Err(self.refuse(format!(
                    "opcode {name} ({other:#04x}) is not one that describes tensors; nothing was run. \
                     Save the plain tensor with torch.save"
                )))
            }
        }
    }

    /// Where the opcode being run stands.
    fn site(&self) -> Site<'a> {
        Site { path: self.input.path(), byte: self.at }
    }

    fn refuse(&self, message: impl Into<String>) -> Error {
        self.site().refuse(message)
    }

    fn format(&self, message: impl Into<String>) -> Error {
        self.site().format(message)
    }

    /// What makes storages and tensors of the values on the stack.
    fn rebuild(&mut self) -> Rebuild<'_, 'a, 'p> {
        Rebuild { site: self.site(), heap: &mut self.heap }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.input.array()
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn line(&mut self) -> Result<&'p str> {
        let line = self.input.line()?;
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

    /// Pushes what an opcode makes.
    #[allow(clippy::unnecessary_wraps)] // so that it is one of the arms of `step`
    fn push(&mut self, value: PickleValue<'p>) -> Result<()> {
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<PickleValue<'p>> {
        let floor = self.marks.last().copied().unwrap_or(0); // Proof: without a mark, the whole stack is free.
        if self.stack.len() <= floor {
            return Err(self.refuse("the opcode needs a value and the stack has none (underflow)"));
        }
        self.stack.pop().ok_or_else(|| self.refuse("the stack is empty (underflow)"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<PickleValue<'p>>> {
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
        self.push(PickleValue::Int(value(bytes)))
    }

    fn long(&mut self) -> Result<()> {
        let len = self.byte()?.into();
        let bytes = self.input.take(len)?;
        let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 16];
        let Some(low) = wide.get_mut(..len) else {
            return Err(self.format(format!("an integer of {len} bytes: expected a value that fits 64 bits")));
        };
        low.copy_from_slice(bytes);
        let value = i128::from_le_bytes(wide);
        let value = i64::try_from(value)
            .map_err(|_| self.format(format!("the integer {value}: expected a value that fits 64 bits")))?;
        self.push(PickleValue::Int(value))
    }

    fn float(&mut self) -> Result<()> {
        let bytes = self.array()?;
        self.push(PickleValue::Float(f64::from_be_bytes(bytes)))
    }

    fn string(&mut self) -> Result<()> {
        let len = u32::from_le_bytes(self.array()?);
        let bytes = self.input.take(checked::index(len)?)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.format("a string that is not UTF-8"))?;
        self.push(PickleValue::Str(text))
    }

    fn tuple(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        self.heap.lists.push(items);
        self.push(PickleValue::Tuple(self.heap.lists.len() - 1))
    }

    fn list(&mut self) -> Result<()> {
        self.heap.lists.push(Vec::new());
        self.push(PickleValue::List(self.heap.lists.len() - 1))
    }

    fn dict(&mut self) -> Result<()> {
        self.heap.dicts.push(Vec::new());
        self.push(PickleValue::Dict(self.heap.dicts.len() - 1))
    }

    fn append(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        match self.stack.last() {
            Some(PickleValue::List(place)) => {
                let list = self.heap.lists.get_mut(*place);
                list.ok_or_else(|| impossible("a list is not in the heap"))?.extend(items);
                Ok(())
            }
            _ => Err(self.refuse("items are appended to what is not a list")),
        }
    }

    fn set_items(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        let Some(PickleValue::Dict(place) | PickleValue::OrderedDict(place)) = self.stack.last() else {
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
            Some(value) => self.push(*value),
            None => Err(self.refuse(format!("memo {key} is read before it is written (underflow)"))),
        }
    }

    fn global(&mut self) -> Result<()> {
        let (module, name) = (self.line()?, self.line()?);
        match meaning(module, name) {
            Meaning::Allowed(global) => self.push(PickleValue::Global(global)),
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

    fn persistent(&mut self) -> Result<()> {
        let id = self.pop()?;
        let storage = self.rebuild().persistent(id)?;
        self.push(PickleValue::Storage(storage))
    }

    fn reduce(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let callee = self.pop()?;
        let value = self.rebuild().reduce(callee, arguments)?;
        self.push(value)
    }

    fn root(&mut self) -> Result<PickleValue<'p>> {
        let left = self.input.left();
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
