//! Commands as a user meets them: command line and surroundings in; streams, files and exit code out.

mod commands;
mod drift;
mod files;
mod front_door;
mod judging;
mod looks;
mod resume;
mod runs;
mod signing;
mod world;
