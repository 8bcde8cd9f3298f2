//! What `key=` can name in a file that holds several vectors, as a phrase for errors.

/// Names that a message tells; beyond these, their number is told.
const SHOWN: usize = 20;

/// The keys as they are to be given; nothing where there are none.
pub(crate) fn choose_with(names: impl Iterator<Item = String>) -> Option<String> {
    let mut names = names.peekable();
    names.peek()?;
    let mut keys: Vec<_> = names.by_ref().take(SHOWN).map(|name| format!("key={name:?}")).collect();
    let more = names.count();
    if more > 0 {
        keys.push(format!("that of {more} more"));
    }
    Some(format!("choose with {}", keys.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_as_they_are_to_be_given_and_no_more_than_help() {
        let said = |count: usize| choose_with((0..count).map(|number| number.to_string()));
        assert_eq!(said(0), None);
        assert_eq!(said(1).unwrap(), "choose with key=\"0\"");
        assert_eq!(said(2).unwrap(), "choose with key=\"0\" or key=\"1\"");
        assert!(said(20).unwrap().ends_with(" or key=\"19\""));
        assert!(said(22).unwrap().ends_with(" or key=\"19\" or that of 2 more"));
    }
}
