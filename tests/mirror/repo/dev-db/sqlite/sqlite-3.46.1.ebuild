EAPI=8

inherit toolchain-funcs

DESCRIPTION="SQL database engine"
HOMEPAGE="https://sqlite.org/"
SRC_URI="mirror://gentoo/${P}.tar.xz"
S="${WORKDIR}/sqlite3-${PV}"

LICENSE="public-domain"
SLOT="3"
KEYWORDS="amd64"
IUSE="debug doc icu +readline secure-delete static-libs tcl tools"
REQUIRED_USE="!doc !icu !tcl !tools"

RDEPEND="
	virtual/zlib:=
	readline? ( sys-libs/readline:= )
"
DEPEND="${RDEPEND}"
# It writes the one large file of C that is compiled.
BDEPEND="dev-lang/tcl"

# What of SQLite is compiled in, besides what has an option of its own.
SQLITE_PARTS=(
	API_ARMOR BYTECODE_VTAB COLUMN_METADATA DBPAGE_VTAB DBSTAT_VTAB DESERIALIZE EXPLAIN_COMMENTS FTS3 FTS3_PARENTHESIS
	HIDDEN_COLUMNS NORMALIZE OFFSET_SQL_FUNC PREUPDATE_HOOK RBU STMT_SCANSTATUS STMTVTAB UNKNOWN_SQL_FUNCTION
	UNLOCK_NOTIFY UPDATE_DELETE_LIMIT
)

src_configure() {
	local args=(
		--disable-editline
		--disable-tcl
		--enable-fts4
		--enable-fts5
		--enable-geopoly
		--enable-load-extension
		--enable-memsys5
		--enable-rtree
		--enable-session
		--enable-threadsafe
		$(use_enable debug)
		$(use_enable readline)
		$(use_enable static-libs static)
	)
	use readline && args+=( --with-readline-inc="-I${ESYSROOT}/usr/include/readline" )
	export CPPFLAGS="${CPPFLAGS} ${SQLITE_PARTS[*]/#/-DSQLITE_ENABLE_} -DSQLITE_SOUNDEX -DSQLITE_USE_URI"
	use secure-delete && CPPFLAGS+=" -DSQLITE_SECURE_DELETE"
	tc-export CC
	CC_FOR_BUILD="${CC}" econf "${args[@]}"
}

src_install() {
	default
	find "${ED}" -name '*.la' -delete || die
}
