//! The dict literal of a `.npy` header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }`.

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The type of a value, as numpy abbreviates it; a structured type as it is written.
    pub(crate) descr: String,
    /// Whether the first axis runs fastest.
    pub(crate) fortran: bool,
    /// The length of each axis.
    pub(crate) shape: Vec<u64>,
}

impl Header {
    /// The shape, for messages.
    pub(super) fn axes(&self) -> String {
        let axes: Vec<_> = self.shape.iter().map(u64::to_string).collect();
        format!("({})", axes.join(", "))
    }
}

/// A byte offset into the text, and what is wrong there.
type Failure = (usize, String);

/// Reads a header that has exactly the three keys, each once, in any order.
pub(crate) fn parse_header(text: &[u8]) -> Result<Header, Failure> {
    let mut cursor = Cursor { text, at: 0 };
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    cursor.expect(b'{')?;
    while !cursor.accept(b'}') {
        let key = cursor.string()?;
        cursor.expect(b':')?;
        let repeated = match key.as_str() {
            "descr" => descr.replace(cursor.descr()?).is_some(),
            "fortran_order" => fortran.replace(cursor.boolean()?).is_some(),
            "shape" => shape.replace(cursor.shape()?).is_some(),
            _ => return Err(cursor.fail(&format!("key {key:?} is not one of descr, fortran_order, shape"))),
        };
        if repeated {
            return Err(cursor.fail(&format!("key {key:?} is there twice")));
        }
        if !cursor.accept(b',') {
            cursor.expect(b'}')?;
            break;
        }
    }
    if cursor.peek().is_some() {
        return Err(cursor.fail("something follows the closing brace"));
    }
    let missing = |key: &str| cursor.fail(&format!("key {key:?} is not there"));
    Ok(Header {
        descr: descr.ok_or_else(|| missing("descr"))?,
        fortran: fortran.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

/// A place in the text.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn fail(&self, message: &str) -> Failure {
        (self.at.min(self.text.len()), message.to_owned())
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Failure> {
        if self.accept(byte) {
            return Ok(());
        }
        Err(self.fail(&format!("{:?} is expected", char::from(byte))))
    }

    /// A quoted string without escapes.
    fn string(&mut self) -> Result<String, Failure> {
        let quote = self.peek().filter(|byte| matches!(byte, b'\'' | b'"'));
        let quote = quote.ok_or_else(|| self.fail("a quoted string is expected"))?;
        let rest = self.text.get(self.at + 1..).unwrap_or_default(); // Proof: not beyond the text.
        let len = rest.iter().position(|&byte| byte == quote);
        let inside = len.and_then(|len| rest.get(..len)).ok_or_else(|| self.fail("a string without end"))?;
        if inside.contains(&b'\\') {
            return Err(self.fail("a string with an escape"));
        }
        let text = std::str::from_utf8(inside).map_err(|_| self.fail("a string that is not UTF-8"))?;
        self.at += inside.len() + 2;
        Ok(text.to_owned())
    }

    /// The type: a string, or the list of a structured type, kept as it is written.
    fn descr(&mut self) -> Result<String, Failure> {
        if !matches!(self.peek(), Some(b'[' | b'(')) {
            return self.string();
        }
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'\'' | b'"' => {
                    self.string()?;
                    continue;
                }
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                let written = self.text.get(start..self.at).unwrap_or_default(); // Proof: not beyond the text.
                return Ok(String::from_utf8_lossy(written).into_owned());
            }
        }
        Err(self.fail("a list without end"))
    }

    fn boolean(&mut self) -> Result<bool, Failure> {
        self.peek();
        let rest = self.text.get(self.at..).unwrap_or_default(); // Proof: not beyond the text.
        for (word, value) in [("True", true), ("False", false)] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fail("True or False is expected"))
    }

    /// A tuple of whole numbers.
    fn shape(&mut self) -> Result<Vec<u64>, Failure> {
        let mut axes = Vec::new();
        self.expect(b'(')?;
        while !self.accept(b')') {
            axes.push(self.number()?);
            if !self.accept(b',') {
                if axes.len() == 1 {
                    // To Python `(3)` is a number and no tuple.
                    return Err(self.fail("the comma of a tuple of one is expected"));
                }
                self.expect(b')')?;
                break;
            }
        }
        Ok(axes)
    }

    /// Digits, with the `L` that Python 2 wrote after them.
    fn number(&mut self) -> Result<u64, Failure> {
        self.peek();
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        let digits = self.text.get(start..self.at).unwrap_or_default(); // Proof: not beyond the text.
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| (start, "a whole number below 2^64 is expected".to_owned()))?;
        self.at += usize::from(self.text.get(self.at) == Some(&b'L'));
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_numpy_writes_is_read() {
        let written = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }          \n";
        let header = parse_header(written).unwrap();
        assert_eq!(header, Header { descr: "<f4".into(), fortran: false, shape: vec![3, 1] });
        let python_2 = b"{'shape': (7L,), 'fortran_order': True, 'descr': \"|u1\"}";
        assert_eq!(parse_header(python_2).unwrap().shape, [7]);
        let structured = b"{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': ()}";
        assert_eq!(parse_header(structured).unwrap().descr, "[('a', '<f4'), ('b', '|O')]");
    }

    #[test]
    fn what_it_does_not_write_is_refused_at_its_place() {
        for (text, at, message) in [
            ("__import__('os')", 0, "'{' is expected"),
            ("{'descr': eval, ", 10, "a quoted string"),
            ("{'descr': '<f4', 'descr': '<f8'}", 31, "\"descr\" is there twice"),
            ("{'shape': (-1,)}", 11, "a whole number"),
            ("{'shape': (99999999999999999999,)}", 11, "below 2^64"),
            ("{'shape': (17)}", 13, "the comma of a tuple of one"),
            ("{'shape': (1,)}", 15, "\"descr\" is not there"),
            ("{'evil': 1}", 8, "is not one of"),
            ("{'fortran_order': 1}", 18, "True or False"),
            ("{'descr': [[[", 13, "without end"),
        ] {
            let failure = parse_header(text.as_bytes()).unwrap_err();
            assert_eq!(failure.0, at, "{text}: {failure:?}");
            assert!(failure.1.contains(message), "{text}: {failure:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_header(&text);
        }

        #[test]
        fn no_near_miss_makes_it_panic(at in 0_usize..60, byte: u8) {
            let mut text = b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 1), }".to_vec();
            text[at] = byte;
            let _ = parse_header(&text);
        }
    }
}
