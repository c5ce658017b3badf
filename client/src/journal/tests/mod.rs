//! Streams of events made by hand: one that is right, and every way to break it.

mod books;
mod bytes;
mod compliance;
mod control;
mod encumbered;
mod file;
mod inclusive;
mod life;
mod money;
mod node;
mod pledges;
mod repos;
mod restored;
mod rules;
mod states;
mod story;
mod trades;
mod tree;
