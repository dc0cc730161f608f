//! `aku completions` and `aku man`: what shells and manual readers need, from the same definitions as the flags.

use std::{fs, io, path::Path};

use super::{
    args,
    file_args::{CompletionsArgs, ManArgs},
    stream::{Streams, answer, tell},
};
use crate::exit::Exit;

/// Prints the completions of a shell.
pub fn completions(args: &CompletionsArgs, s: &mut Streams<'_>) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "aku", &mut text);
    match answer(s, &String::from_utf8_lossy(&text)) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

/// Writes a page for the program and one for each command.
pub fn man(args: &ManArgs, s: &mut Streams<'_>) -> Exit {
    let pages = match written(&args.dir) {
        Ok(pages) => pages,
        Err(e) => {
            tell(s, &format!("error[man]: {}: {e}\n", args.dir.display()));
            return Exit::Output;
        }
    };
    match answer(
        s,
        &format!(
            "{pages} pages in {}; read one with: man -l {}\n",
            args.dir.display(),
            args.dir.join("aku.1").display()
        ),
    ) {
        Ok(()) => Exit::Ok,
        Err(exit) => exit,
    }
}

fn written(dir: &Path) -> io::Result<usize> {
    fs::create_dir_all(dir)?;
    let pages = pages()?;
    for (name, text) in &pages {
        fs::write(dir.join(name), text)?;
    }
    Ok(pages.len())
}

/// Names and texts of all pages: hidden commands have none.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut program = args::command();
    program.build();
    let mut pages = Vec::new();
    page(&program, "aku", &mut pages)?;
    Ok(pages)
}

fn page(command: &clap::Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone().display_name(name.to_owned())).render(&mut text)?;
    pages.push((format!("{name}.1"), text));
    let mut commands = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    commands.try_for_each(|c| page(c, &format!("{name}-{}", c.get_name()), pages))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum as _;
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_flags() {
        let pages = pages().unwrap();
        let names: BTreeSet<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), pages.len());
        for command in args::command().get_subcommands().filter(|c| !c.is_hide_set()) {
            assert!(
                names.contains(format!("aku-{}.1", command.get_name()).as_str()),
                "{}: {names:?}",
                command.get_name()
            );
        }
        let text = |name: &str| String::from_utf8(pages.iter().find(|(n, _)| n == name).unwrap().1.clone()).unwrap();
        assert!(text("aku-drift.1").contains("previous") && text("aku.1").contains("aku\\-drift"));
    }

    #[test]
    fn every_shell_gets_every_command() {
        for shell in Shell::value_variants() {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut args::command(), "aku", &mut text);
            let text = String::from_utf8(text).unwrap();
            for command in args::command().get_subcommands().filter(|c| !c.is_hide_set()) {
                assert!(text.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
