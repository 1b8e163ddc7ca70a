//! Dockerfiles that use every instruction in every form, each with what sets it apart.

/// What most are built on: merged-usr links, owners, names of users, settings to inherit.
pub const BASE: &str = "FROM scratch\nADD base.tar /\nENV INHERITED=1 LIST=a:b\nLABEL of=base x=1\n\
    EXPOSE 1\nVOLUME /of/base\nWORKDIR /srv\nUSER jo\nSTOPSIGNAL SIGQUIT\n\
    HEALTHCHECK --interval=7s CMD true\nCMD [\"base\"]\n";

/// Name and Dockerfile. `BASE` is the image above.
pub const CASES: &[(&str, &str)] = &[
    // ---- settings
    (
        "env",
        r#"FROM scratch
ENV A=1 B="two words" C='$A' D=$A E="${A}x" F=a\ b G= H="" I='it"s' J="it's"
"#,
    ),
    ("env-old-form", "FROM scratch\nENV A some  words   here \nENV B \"quoted\" $A and 'single'\n"),
    (
        "env-defaults",
        "FROM scratch\nENV A=1 Z=\n\
        ENV B=${A:-x} C=${N:-x} D=${A:+y} E=${N:+y} F=${N} G=$N H=${Z:-z}\n",
    ),
    (
        "env-replaces",
        "FROM BASE\nENV A=1 A=2\nENV PATH=/x:$PATH LIST=c:$LIST\nENV A=3 INHERITED=\n",
    ),
    ("env-one-line", "FROM scratch\nENV A=1\nENV A=2 B=$A\nENV C=$B$A\n"),
    (
        "env-escapes",
        r#"FROM scratch
ENV A="a\"b" B='a\b' C="a\\b" D=\$A E="\$A" F=a\\b G="x\y" H=x\y I=\"q\" J="a'b'c" K='a"b"c'
"#,
    ),
    (
        "env-names",
        "FROM scratch\nENV A=1 A_B2=x\nENV C=$A_B2 D=${A}_B2 E=$A-B F=$A.B G=$$ H=$ I=a$ K=$-x L=$#y M=$@z N=$!n O=$12\n",
    ),
    (
        "label",
        "FROM scratch\nLABEL a=1 \"b c\"=\"d e\" f='g' org.example.h=\"i $PATH\" j=\n\
        LABEL k=1 \\\n  l=2 \\\n\n  # a comment\n  m=\"3 \\\n4\"\n",
    ),
    ("label-old-form", "FROM BASE\nLABEL name some  text\nLABEL x=2 y=$INHERITED\n"),
    (
        "arg",
        "ARG G=g\nARG H\nFROM scratch\nARG A=1\nARG B=$A-2\nARG C\nARG G\nARG H=h\n\
        ENV V=$A W=$B X=$C Y=$G Z=$H\nLABEL a=\"$A\" unknown=\"${U:-u}\"\n",
    ),
    (
        "arg-and-env",
        "FROM BASE\nARG A=1\nENV A=2\nENV B=$A\nENV X=1\nARG X=2\nENV Y=$X\n\
        ARG INHERITED=no\nENV I=$INHERITED\n",
    ),
    ("arg-in-from", "ARG NAME=scratch\nFROM ${NAME}\nCOPY f /\n"),
    (
        "expose",
        "FROM BASE\nEXPOSE 80 443/tcp 53/udp 8000-8003\nENV P=\"11 12/udp\" Q=13\n\
        EXPOSE $P ${Q}/sctp\n",
    ),
    ("volume", "FROM BASE\nVOLUME /a /b\nVOLUME [\"/c d\", \"/e\"]\nENV V=/v\nVOLUME $V/x\n"),
    ("user", "FROM BASE\nENV U=7\nUSER ${U}:8\n"),
    ("user-name", "FROM BASE\nUSER \"root\"\n"),
    ("cmd-json", "FROM BASE\nCMD [\"/bin/a\", \"b c\", \"\\\"d\\\"\", \"$HOME\"]\n"),
    ("cmd-shell", "FROM BASE\nCMD  echo \"$HOME\"  'x'   && exit 1 \n"),
    ("cmd-almost-json", "FROM scratch\nCMD [\"a\", 'b']\n"),
    ("cmd-empty", "FROM BASE\nCMD []\n"),
    ("cmd-none", "FROM BASE\nCMD\nENTRYPOINT\n"),
    ("cmd-empty-is-none", "FROM BASE\nCMD []\nENTRYPOINT [\"e\"]\n"),
    (
        "text-after-json",
        "FROM BASE\nSHELL [\"/bin/ash\", \"-c\"] x\nCMD [\"/bin/a\",\"b\"]  # why\n\
        ENTRYPOINT [\"/e\"] [\"f\"]\nHEALTHCHECK CMD [\"c\"]]\nVOLUME [\" /v \"] /w\n\
        COPY [\"f\", \"/to/\"] # why\nADD [\"f\", \"/add/\"]'\n",
    ),
    (
        "json-odd",
        r#"FROM scratch
CMD ["\u00e4\ud83d\ude00\ud800x\udc00", "\/\b\f", "a", ""]
ENTRYPOINT ["a", 1
VOLUME ["\ud800"]
"#,
    ),
    ("json-none", "FROM scratch\nCMD [1e999]\nENTRYPOINT [\"a\tb\"]\n"),
    ("entrypoint-takes-the-parents-cmd", "FROM BASE\nENTRYPOINT [\"/e\"]\n"),
    ("entrypoint-keeps-its-own-cmd", "FROM BASE\nCMD [\"mine\"]\nENTRYPOINT [\"/e\", \"f\"]\n"),
    ("entrypoint-shell", "FROM scratch\nENTRYPOINT exec /bin/top -b\nCMD x\n"),
    ("entrypoint-empty", "FROM scratch\nENTRYPOINT [\"/e\"]\nENTRYPOINT []\n"),
    ("shell", "FROM scratch\nSHELL [\"/bin/ash\", \"-e\", \"-c\"]\nCMD echo hi\nENTRYPOINT x y\n"),
    (
        "healthcheck",
        "FROM BASE\nHEALTHCHECK --interval=1m30s --timeout=3s --start-period=500ms \
        --retries=5 CMD [\"wget\", \"-q\", \"http://127.0.0.1/\"]\n",
    ),
    ("healthcheck-shell", "FROM scratch\nHEALTHCHECK   CMD  wget -q \"$URL\" ||  exit 1\n"),
    ("healthcheck-none", "FROM BASE\nHEALTHCHECK NONE\n"),
    ("healthcheck-none-with-flags", "FROM BASE\nHEALTHCHECK --foo=1 none\n"),
    (
        "healthcheck-times",
        "FROM scratch\nHEALTHCHECK --interval=1.5s --timeout=.5m --retries=+3 --start-period= cmd x\n",
    ),
    ("stopsignal", "FROM BASE\nENV S=SIGTERM\nSTOPSIGNAL $S\n"),
    ("stopsignal-number", "FROM scratch\nSTOPSIGNAL 9\n"),
    ("stopsignal-odd", "FROM scratch\nSTOPSIGNAL --foo sigrtmin+3\n"),
    ("stopsignal-below-none", "FROM scratch\nSTOPSIGNAL -3\n"),
    ("expose-odd", "FROM scratch\nEXPOSE \"\" 8080:80 1.2.3.4:1:2/UDP 80/ 0 1-2-9 [::1]:3:4\n"),
    ("user-none", "FROM BASE\nUSER $NONE\n"),
    ("label-none", "FROM scratch\nLABEL \"\"=1 $NONE=2 a=\n"),
    ("arg-odd", "FROM scratch\nARG --foo A==1 \"\"=2 $X=3\nENV B=$A\n"),
    (
        "blanks",
        "FROM scratch\nENV A=1\u{a0}B=2\nENV C 3\u{a0}4\u{3000}\nLABEL a=b\u{3000}c=d\n\
        WORKDIR\u{b}/x\u{a0}y\nVOLUME /a\u{a0}b /c\n",
    ),
    ("letters", "FROM scratch\nENV é=1 ⅷ=2\nENV B=$é C=${é} D=$ⅷ E=$é²\n"),
    ("marks-of-byte-order", "\u{feff}FROM scratch\nENV A=\u{feff}x B=y\u{feff}\n"),
    ("directives", "# escape = `  \n# syntax=x\nFROM scratch\nENV A=a`\n  B=\\\n"),
    (
        "stage-as",
        "FROM scratch aſ A.b-c_1\nCOPY f /\nFROM a.B-C_1\nCOPY --from=+0 f /g\nCOPY --from= f /h\n",
    ),
    (
        "onbuild-odd",
        "FROM scratch\nCOPY f /\nONBUILD FOO x  \nONBUILD COPY a\nONBUILD COPY ../a /\n",
    ),
    ("ends-open", "FROM scratch\n\\\nENV A=1 \\\n# c\n"),
    ("copy-inside", "FROM scratch\nCOPY dir/../f ../../x\nADD --chown= f /y\n"),
    ("maintainer", "FROM BASE\nMAINTAINER Jane Doe <jdoe@example.org>\n"),
    (
        "onbuild",
        "FROM scratch\nONBUILD COPY f /\nONBUILD   RUN echo  \"$x\" && true\nONBUILD ENV A=1\n",
    ),
    ("inherits", "FROM BASE\n"),
    // ---- how it is written
    ("lower-case", "from scratch\n# comment\n\n\tcopy f /f\n  env a=b\nEnv C d\n"),
    ("carriage-returns", "FROM scratch\r\nCOPY f /\r\nENV A=1 \\\r\n  B=2\r\nCMD echo hi\r\n"),
    (
        "other-escape",
        "# escape=`\nFROM scratch\nENV A=a` b B=c:\\d `\n  C=\"x`\"y\"\nCOPY f `\n  /g\n",
    ),
    (
        "continued",
        "FROM scratch\nCOPY f \\\n# comment\n\n  x \\\n  /to/\nCMD one \\\n  two   \\\n three\n",
    ),
    // ---- where things go
    (
        "workdir",
        "FROM BASE\nWORKDIR /a\nWORKDIR b\nENV D=c\nWORKDIR $D/d\nCOPY f .\nCOPY x ./\nCOPY f sub/\n\
        COPY f ./n\n",
    ),
    (
        "workdir-odd",
        "FROM BASE\nWORKDIR bin\nWORKDIR /a/../b/\nWORKDIR ..\nWORKDIR \"x y\"\nWORKDIR /bin/w\n",
    ),
    ("workdir-root", "FROM BASE\nWORKDIR /\nCOPY f .\n"),
    (
        "copy-files",
        "FROM scratch\nCOPY f /\nCOPY f /g\nCOPY f /d/\nCOPY x f /e/\nCOPY ./f ./dir/../x /y/../h/\n\
        COPY [\"s.txt\", \"t.txt\", \"/with space/\"]\nENV N=f T=/var\nCOPY $N ${T}/$N.new\nCOPY f /d\n",
    ),
    (
        "copy-folders",
        "FROM BASE\nCOPY dir /\nCOPY dir /new\nCOPY dir/ /new2/\nCOPY dir /usr\nCOPY dir dir/sub /m/\n\
        COPY . /all\n",
    ),
    (
        "copy-patterns",
        "FROM scratch\nCOPY *.txt /w/\nCOPY ?.txt /q/\nCOPY d* /g/\nCOPY [st].txt /c/\n\
        COPY dir/* /i/\nCOPY */a /j/\n",
    ),
    (
        "copy-links",
        "FROM scratch\nCOPY ln /l\nCOPY lndir /ld\nCOPY dir/link /x/\nCOPY lndir/sub /s\nCOPY l* /all/\n",
    ),
    (
        "copy-through-links",
        "FROM BASE\nCOPY f /bin/f\nCOPY f /opt/abs/f\nCOPY dir /bin/\nCOPY f /opt/file\n\
        COPY dir /opt/abs\nCOPY f /opt/up/g\n",
    ),
    (
        "copy-over",
        "FROM BASE\nCOPY x /old\nCOPY f /etc\nCOPY dir /etc\nCOPY f /tmp/\nCOPY f /old\n",
    ),
    ("copy-a-folder-over-a-link", "FROM BASE\nCOPY root /\n"),
    ("copy-modes", "FROM scratch\nCOPY x suid private /m/\nCOPY modes /n\nADD suid /a\n"),
    (
        "copy-chown",
        "FROM BASE\nCOPY --chown=5:6 f /o/p/f\nCOPY --chown=7 dir /od/\nCOPY --chown=8:9 dir /etc\n\
        ENV U=11\nADD --chown=$U:12 suid /s/\nCOPY --chown=5:6 f /tmp/f\n",
    ),
    (
        "copy-chown-names",
        "FROM BASE\nCOPY --chown=jo:staff f /a\nCOPY --chown=jo:5 dir /b\n\
        COPY --chown=6:staff dir /etc\nCOPY --chown=root:root f /c\n",
    ),
    (
        "add",
        "FROM BASE\nADD f /\nADD dir /dd\nADD *.txt /t/\nADD [\"x\", \"/xx\"]\nADD dir/a dir/sub /y/\n",
    ),
    // ---- archives
    (
        "add-archive",
        "FROM scratch\nADD arch.tar /\nADD arch.tar /deep/er/\nADD arch.tar f /both/\nCOPY arch.tar /\n",
    ),
    (
        "add-archive-on-links",
        "FROM BASE\nADD arch.tar /\nADD arch.tar /opt/abs\nADD through.tar /\n",
    ),
    ("add-archive-chown", "FROM BASE\nADD --chown=5:6 arch.tar f /both/\n"),
    ("add-archive-that-removes", "FROM BASE\nADD gone.tar /\n"),
    ("add-archive-with-devices", "FROM scratch\nADD odd.tar /\n"),
    ("add-archive-with-links", "FROM scratch\nADD links.tar /\nADD links.tar /x\n"),
    ("add-archive-with-capabilities", "FROM scratch\nADD caps.tar /\nADD caps.tar /x\n"),
    // ---- stages
    (
        "stages",
        "FROM scratch AS one\nCOPY --chown=5:6 f dir /in/\nENV A=1\nFROM BASE AS two\nCOPY x /two\n\
        FROM scratch\nCOPY --from=one /in/f /\nCOPY --from=0 /in /all\nCOPY --from=Two /old /srv /t/\n\
        COPY --from=two --chown=1 /old /u\nENV B=$A\n",
    ),
    (
        "stage-on-stage",
        "FROM BASE AS one\nCOPY f /one\nCMD [\"one\"]\nENTRYPOINT [\"e\"]\nFROM one\nCOPY x /two\n\
        ENTRYPOINT [\"f\"]\n",
    ),
    (
        "copy-from-an-image",
        "FROM scratch\nCOPY --from=BASE /old /opt/abs/passwd /a/\nCOPY --from=BASE /etc /e\n\
        COPY --from=BASE /usr/bin/* /b/\nCOPY --from=BASE /bin /c\nCOPY --from=BASE /h1 /h2 /h/\n\
        COPY --from=BASE / /everything\n",
    ),
];

/// What is left to the engine, and why. The last ones fail there, too.
pub const LEFT: &[(&str, &str, &str)] = &[
    ("url", "FROM scratch\nADD https://127.0.0.1:9/x /\n", "it downloads `https://127.0.0.1:9/x`"),
    (
        "compressed",
        "FROM scratch\nADD arch.tar.gz /\n",
        "`bb-dock/compressed/arch.tar.gz` is compressed",
    ),
    ("many", "FROM scratch\nCOPY f x /to\n", "its sources and its target do not fit"),
    ("nobody", "FROM scratch\nCOPY --chown=jo f /\n", "`/etc/passwd` has no `jo`"),
];
