//! What the levels of a list column stand for.

use parquet::basic::Repetition;
use parquet::schema::types::Type;

/// What the definition levels of a list column stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListLevels {
    /// That of a number that is there.
    pub(super) number: u32,
    /// That of a list without numbers. Below it there is no list.
    pub(super) empty: u32,
}

impl ListLevels {
    /// The levels of the one leaf of a top-level column, if there is one list on the way to it.
    pub(crate) fn of(root: &Type) -> Option<Self> {
        let (mut level, mut empty, mut node) = (0, None, root);
        loop {
            match node.get_basic_info().repetition() {
                Repetition::REPEATED if empty.is_some() => return None,
                Repetition::REPEATED => {
                    empty = Some(level);
                    level += 1;
                }
                Repetition::OPTIONAL => level += 1,
                Repetition::REQUIRED => {}
            }
            if node.is_primitive() {
                return Some(Self { number: level, empty: empty? });
            }
            let [child] = node.get_fields() else { return None }; // Proof: the crate reads what is no such list.
            node = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::schema::parser::parse_message_type;

    #[test]
    fn levels_are_those_that_the_schema_counts() {
        let of = |column: &str| {
            let root = parse_message_type(&format!("message m {{ {column} }}")).unwrap();
            ListLevels::of(&root.get_fields()[0])
        };
        let levels = |number, empty| Some(ListLevels { number, empty });
        let three = |outer, item| {
            format!("{outer} group a (LIST) {{ repeated group list {{ {item} int32 element; }} }}")
        };
        assert_eq!(of(&three("optional", "optional")), levels(3, 1));
        assert_eq!(of(&three("required", "optional")), levels(2, 0));
        assert_eq!(of(&three("optional", "required")), levels(2, 1));
        assert_eq!(of("repeated int32 a;"), levels(1, 0));
        // Neither a list, nor two of them, nor a list of groups.
        assert_eq!(of("optional int32 a;"), None);
        assert_eq!(of("repeated group a { repeated int32 b; }"), None);
        assert_eq!(of("repeated group a { optional int32 b; optional int32 c; }"), None);
    }
}
