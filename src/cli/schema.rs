//! `aku schema`: the JSON Schema of a file that this program writes.

use super::{
    file_args::{SchemaArgs, SchemaOf},
    stream::{Streams, answer},
};
use crate::{
    drift, events,
    exit::Exit,
    plan::schema,
    printed::{self, CheckDocument, DiffDocument, RefusalDocument, ReviewDocument, StatusDocument, VerifyDocument},
};

/// Runs it.
pub fn run(args: &SchemaArgs, s: &mut Streams<'_>) -> Exit {
    let text = match args.of {
        SchemaOf::Plan => schema::text(),
        SchemaOf::Drift => drift::document::schema(),
        SchemaOf::Event => events::schema::text(),
        SchemaOf::Status => printed::schema::<StatusDocument>(),
        SchemaOf::Check => printed::schema::<CheckDocument>(),
        SchemaOf::Verify => printed::schema::<VerifyDocument>(),
        SchemaOf::Refusal => printed::schema::<RefusalDocument>(),
        SchemaOf::Review => printed::schema::<ReviewDocument>(),
        SchemaOf::Diff => printed::schema::<DiffDocument>(),
    };
    match answer(s, &text) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}
