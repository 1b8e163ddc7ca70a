//! What Docker refuses: one thing is made wrong in a case, and then both builders have to refuse it.

use super::case::Case;
use super::features::{Feature, on};
use super::grammar::Source;

/// Lines that no stage may have.
const LINES: &[&str] = &[
    "COPI f /",
    "COPY f",
    "COPY none-at-all /",
    "COPY f dir /file",
    "COPY --chown=nobody-here f /",
    "COPY --from=no-such-stage f /",
    "ADD f",
    "ENV",
    "ENV A",
    "ENV A=1 B",
    "ENV =x",
    "LABEL a=\"open",
    "LABEL",
    "EXPOSE 70000",
    "EXPOSE a",
    "EXPOSE 80/xyz",
    "EXPOSE 9-8",
    "EXPOSE",
    "SHELL /bin/sh -c",
    "HEALTHCHECK",
    "HEALTHCHECK x",
    "HEALTHCHECK --interval=x CMD a",
    "HEALTHCHECK --retries=-1 CMD a",
    "HEALTHCHECK --interval=1us CMD a",
    "HEALTHCHECK NONE x",
    "HEALTHCHECK CMD",
    "STOPSIGNAL NOPE",
    "STOPSIGNAL 0",
    "STOPSIGNAL 200",
    "ONBUILD FROM scratch",
    "ONBUILD ONBUILD ENV A=1",
    "ONBUILD MAINTAINER me",
    "ONBUILD",
    "USER",
    "WORKDIR",
    "VOLUME",
    "VOLUME []",
    "COPY --from=0x f /",
    "COPY * /none-of-it/",
    "FROM",
];

/// Those of Docker's parser that have not always been ours.
const MORE: &[&str] = &[
    "FROM scratch # c",
    "FROM scratch AS",
    "FROM scratch foo",
    "FROM scratch AS 1x",
    "FROM scratch AS 1",
    "ARG",
    "ARG A=\"open",
    "ARG =x",
    "COPY --from=a --from=b f /",
    "COPY --chown=1 --chown=2 f /",
    "COPY --unknown=1 f /",
    "ADD --from=0 f /",
    "CMD --flag x",
    "SHELL [\"a\", 1]",
    "SHELL []",
    "STOPSIGNAL SIGRTMIN+99",
    "HEALTHCHECK --timeout=0.5ms CMD a",
    "HEALTHCHECK --retries=x CMD a",
    "HEALTHCHECK --retries=0 CMD a",
    "HEALTHCHECK CMD []",
    "CMD []x",
    "HEALTHCHECK --interval CMD a",
    "COPY ../f /",
    "COPY ../../etc/passwd /",
    "ENV A=${A",
    "ENV A=${}",
    "ENV A=\"open",
    "ENV A='open",
    "LABEL a=1 b",
    "MAINTAINER",
    "STOPSIGNAL",
    "STOPSIGNAL a b",
    "USER a b",
    "WORKDIR \"\"",
    "USER $NONE",
    "EXPOSE $NONE",
    "VOLUME $NONE",
    "COPY",
    "COPY []",
    "COPY [\"f\"]",
    "VOLUME [\"\"]",
    "ONBUILD COPI f /",
    "ONBUILD COPY f",
    "ONBUILD ENV A",
    "RUN",
    "x",
];

/// Makes one thing wrong.
pub fn add(case: &mut Case, source: &mut Source) {
    let more = on(Feature::Refusals) && source.chance(50);
    let line = source.of(if more { MORE } else { LINES });
    let first =
        case.lines.iter().position(|line| line.trim_start().to_lowercase().starts_with("from"));
    let at = source.rng.usize(first.unwrap_or(0) + 1..=case.lines.len());
    case.lines.insert(at, line.to_owned());
    case.fault = Some(line);
}
