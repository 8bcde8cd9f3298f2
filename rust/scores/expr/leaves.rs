//! What the values of an expression are read from: vectors in files and in memory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::held::{HeldVector, IN_MEMORY};
use super::{Node, Scores, address};
use crate::error::Shown;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::stored::StoredVector;

impl Scores {
    /// The files it is read from, in the order of the expression: those of each of its vectors once, and of a vector that
    /// was given a file more than once, as often, as its rows are counted so.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut vectors: Vec<Vec<PathBuf>> = Vec::new();
        self.each_stored(&mut |stored| {
            let paths: Vec<PathBuf> = stored.paths().map(Path::to_path_buf).collect();
            if !vectors.contains(&paths) {
                vectors.push(paths);
            }
        });
        vectors.concat()
    }

    /// What of its files it is, where these may hold more: each once, in the order of the expression.
    pub fn chosen(&self) -> Vec<Chosen> {
        let mut all: Vec<Chosen> = Vec::new();
        self.each_stored(&mut |stored| {
            let chosen = stored.chosen();
            if !chosen.is_all() && !all.contains(chosen) {
                all.push(chosen.clone());
            }
        });
        all
    }

    /// Whether any of its values are booleans in files.
    pub fn reads_booleans(&self) -> bool {
        let mut any = false;
        self.each_stored(&mut |stored| any |= stored.chosen().booleans);
        any
    }

    /// Whether every value is read through a map of its file, rather than from memory.
    pub fn is_mapped(&self) -> bool {
        let mut mapped = true;
        self.each_leaf(0, &mut |leaf, _| match leaf.node() {
            Node::Stored(stored) => mapped &= stored.is_mapped(),
            _ => mapped = false,
        });
        mapped
    }

    /// The vectors in memory that it is computed from, each once, in the order of the expression.
    pub fn held(&self) -> Vec<HeldVector> {
        let (mut seen, mut all) = (HashSet::new(), Vec::new());
        self.each_leaf(0, &mut |leaf, _| {
            if let Node::Held(held) = leaf.node()
                && seen.insert(address(leaf))
            {
                all.push(held.clone());
            }
        });
        all
    }

    /// What its values are read from, in words: files by their paths, and arrays in memory.
    pub fn describe_leaves(&self) -> String {
        let paths = self.paths();
        let files = match paths.as_slice() {
            [] => None,
            [one] => Some(Shown(one).to_string()),
            [first, rest @ ..] => Some(format!("{} and {} more", Shown(first), rest.len())),
        };
        let arrays = match self.held().len() {
            0 => None,
            1 => Some(IN_MEMORY.to_owned()),
            count => Some(format!("{count} arrays in memory")),
        };
        // Proof: what is not there is not told.
        let told: Vec<String> = files.into_iter().chain(arrays).collect();
        if told.is_empty() { "no file".to_owned() } else { told.join(" and ") }
    }

    /// Calls `visit` for every stored vector of the expression, in its order.
    pub(crate) fn each_stored(&self, visit: &mut dyn FnMut(&StoredVector)) {
        self.each_read(0, &mut |stored, _| visit(stored));
    }

    /// Calls `visit` for every stored vector of the expression, in its order, and how far its rows lie ahead of the
    /// expression's. What is used more than once is gone through once.
    pub(super) fn each_read(&self, ahead: u64, visit: &mut dyn FnMut(&StoredVector, u64)) {
        self.each_leaf(ahead, &mut |leaf, ahead| {
            if let Node::Stored(stored) = leaf.node() {
                visit(stored, ahead);
            }
        });
    }

    /// [`Scores::each_read`] with the vectors in memory as well.
    fn each_leaf(&self, ahead: u64, visit: &mut dyn FnMut(&Self, u64)) {
        let (mut seen, mut waiting) = (HashSet::new(), vec![(self, ahead)]);
        while let Some((scores, ahead)) = waiting.pop() {
            if self.operations.are_shared() && !seen.insert((address(scores), ahead)) {
                continue;
            }
            let start = match scores.node() {
                Node::Stored(_) | Node::Held(_) => {
                    visit(scores, ahead);
                    0
                }
                Node::Slice { start, .. } => *start,
                _ => 0,
            };
            // Proof: rows of a slice are rows of what it is cut from, whose numbers fit.
            let ahead = ahead.saturating_add(start);
            let first = waiting.len();
            waiting.extend(scores.node().operands().map(|operand| (operand, ahead)));
            if let Some(operands) = waiting.get_mut(first..) {
                operands.reverse();
            }
        }
    }
}
