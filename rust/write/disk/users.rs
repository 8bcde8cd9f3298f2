//! Users by their names, for messages.

use std::fmt;
use std::fs;

/// Where the system has the names of its own users. Those of a directory service are not in it.
const NAMES: &str = "/etc/passwd";

/// A user as a message has one: by name, where there is one, and number.
pub(crate) struct User(pub(crate) u32);

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proof: without its name, a user is told by the number alone.
        let known = fs::read(NAMES).ok();
        match known.and_then(|known| name_in(&String::from_utf8_lossy(&known), self.0)) {
            Some(name) => write!(f, "{name} (uid {})", self.0),
            None => write!(f, "the user with uid {}", self.0),
        }
    }
}

/// The name in lines of `name:password:number:…`.
fn name_in(known: &str, user: u32) -> Option<String> {
    let named = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(user) && !name.is_empty()).then_some(name)
    });
    named.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_and_a_number() {
        let known =
            "root:x:0:0:root:/root:/bin/sh\nbad\n:x:5:5::/:\nanna:x:1001:1001:A, room 0:/home/anna:/bin/sh";
        assert_eq!(name_in(known, 1001).as_deref(), Some("anna"));
        assert_eq!(name_in(known, 0).as_deref(), Some("root"));
        assert_eq!((name_in(known, 5), name_in(known, 7), name_in("", 0)), (None, None, None));
        assert_eq!(User(u32::MAX - 7).to_string(), "the user with uid 4294967288");
    }
}
