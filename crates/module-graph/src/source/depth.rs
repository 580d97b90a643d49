//! How deep a syntax tree is, and room on the stack for it.
//!
//! Ruff parses any depth, but walking, hashing and dropping its trees recurses. `1+1+1+...` is as
//! deep as it is long. CPython refuses such source at depths from 3,000 to some 10,000.

use ruff_python_ast::{
    Expr, Pattern, Stmt,
    visitor::source_order::{self, SourceOrderVisitor},
};

/// Trees up to here fit into what every thread has left.
const SHALLOW: usize = 64;
/// Stack for a level of the tree in the hungriest walk, of an unoptimised build.
const BYTES_PER_LEVEL: usize = 16 * 1024;
/// Stack for a level when the tree is only dropped.
const BYTES_PER_LEVEL_TO_DROP: usize = 1024;

/// The largest depth that is worth a look.
const DEEPEST: usize = 20_000;

/// Calls `work` with `tree` of the given depth, with room for its recursion. `None` if the tree is
/// too deep for CPython, too.
pub(super) fn with_room<T, R>(tree: T, depth: usize, work: impl FnOnce(T) -> R) -> Option<R> {
    if depth <= SHALLOW {
        return Some(stacker::maybe_grow(
            SHALLOW * BYTES_PER_LEVEL,
            2 * SHALLOW * BYTES_PER_LEVEL,
            || work(tree),
        ));
    }
    if depth <= DEEPEST {
        return Some(stacker::grow(depth * BYTES_PER_LEVEL, || work(tree)));
    }
    stacker::grow(depth * BYTES_PER_LEVEL_TO_DROP, || drop(tree));
    None
}

/// The depth of the tree below `statements`.
pub(super) fn depth_of(statements: &[Stmt]) -> usize {
    let mut depth = Depth::default();
    depth.visit_body(statements);
    depth.deepest
}

#[derive(Default)]
struct Depth {
    now: usize,
    deepest: usize,
}

impl Depth {
    fn below(&mut self, walk: impl FnOnce(&mut Self)) {
        self.now += 1;
        self.deepest = self.deepest.max(self.now);
        if self.now < SHALLOW {
            walk(self);
        } else {
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || walk(self));
        }
        self.now -= 1;
    }
}

impl<'a> SourceOrderVisitor<'a> for Depth {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.below(|depth| source_order::walk_stmt(depth, statement));
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        self.below(|depth| source_order::walk_expr(depth, expression));
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.below(|depth| source_order::walk_pattern(depth, pattern));
    }
}
