EAPI=8

DESCRIPTION="A relational database with SQL: server, clients, libpq"
HOMEPAGE="https://www.postgresql.org/"
SRC_URI="mirror://gentoo/${P}.tar.bz2"

LICENSE="POSTGRESQL GPL-2"
SLOT="$(ver_cut 1)"
KEYWORDS="amd64"
IUSE="debug doc icu kerberos ldap llvm +lz4 nls pam perl python +readline selinux +server ssl static-libs systemd tcl uuid
	xml zlib +zstd"

# Not all of these are in this repository: who wants such a flag does without it here.
RDEPEND="
	acct-group/postgres
	acct-user/postgres
	>=app-eselect/eselect-postgresql-2.0
	sys-apps/less
	icu? ( dev-libs/icu:= )
	kerberos? ( virtual/krb5 )
	ldap? ( net-nds/openldap:= )
	llvm? ( llvm-core/llvm llvm-core/clang )
	lz4? ( app-arch/lz4 )
	nls? ( virtual/libintl )
	pam? ( sys-libs/pam )
	perl? ( dev-lang/perl:= )
	python? ( dev-lang/python )
	readline? ( sys-libs/readline:0= )
	ssl? ( dev-libs/openssl:0= )
	systemd? ( sys-apps/systemd )
	tcl? ( dev-lang/tcl:0= )
	uuid? ( sys-apps/util-linux )
	xml? ( dev-libs/libxml2:= dev-libs/libxslt )
	zlib? ( virtual/zlib:= )
	zstd? ( app-arch/zstd )
"
# Neither bison nor flex: upstream's archive has what they make.
DEPEND="${RDEPEND}"

# Where a system has what is of one run.
src_prepare() {
	default
	sed -i '/^#define DEFAULT_PGSOCKET_DIR/s:"/tmp":"/run/postgresql":' src/include/pg_config_manual.h || die
	grep -q '^#define DEFAULT_PGSOCKET_DIR .*"/run/postgresql"' src/include/pg_config_manual.h || die
}

src_configure() {
	local flag args=(
		--prefix="/usr/$(get_libdir)/postgresql-${SLOT}"
		--datadir="/usr/share/postgresql-${SLOT}"
		--includedir="/usr/include/postgresql-${SLOT}"
		--mandir="/usr/share/postgresql-${SLOT}/man"
		--sysconfdir="/etc/postgresql-${SLOT}"
		--with-system-tzdata=/usr/share/zoneinfo
		$(use_enable debug)
		$(use_enable nls)
		$(use_with kerberos gssapi)
		$(use_with ssl openssl)
		$(use_with xml libxml)
		$(use_with xml libxslt)
		$(use uuid && echo --with-uuid=e2fs)
	)
	for flag in icu ldap llvm lz4 pam perl python readline systemd tcl zlib zstd; do
		args+=( $(use_with "${flag}") )
	done
	econf "${args[@]}"
}

src_compile() {
	emake
	emake -C contrib
}

src_install() {
	local program home="/usr/$(get_libdir)/postgresql-${SLOT}"
	emake DESTDIR="${D}" install
	emake DESTDIR="${D}" -C contrib install
	use static-libs || find "${ED}" -name '*.a' ! -name libpgport.a ! -name libpgcommon.a -delete || die
	if ! use server; then
		rm "${ED}${home}"/bin/{initdb,pg_ctl,postgres,postmaster} || die
	fi
	for program in "${ED}${home}"/bin/*; do
		program=${program##*/}
		dosym "../${home#/usr/}/bin/${program}" "/usr/bin/${program}${SLOT}"
	done
	insinto "/etc/postgresql-${SLOT}"
	newins src/bin/psql/psqlrc.sample psqlrc
	use server && newinitd - "postgresql-${SLOT}" < <(sed "s/@SLOT@/${SLOT}/g" "${FILESDIR}/postgresql.initd")
}
