//! Streams of events made by hand: one that is right, and every way to break it.

mod books;
mod bytes;
mod compliance;
mod file;
mod life;
mod money;
mod node;
mod states;
mod story;
mod trades;
mod tree;
