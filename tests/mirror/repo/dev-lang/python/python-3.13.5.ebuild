EAPI=8

inherit toolchain-funcs

PYVER=$(ver_cut 1-2)
DESCRIPTION="An interpreted, interactive, object-oriented programming language"
HOMEPAGE="https://www.python.org/"
SRC_URI="mirror://gentoo/Python-${PV}.tar.xz"
S="${WORKDIR}/Python-${PV}"

LICENSE="PSF-2"
SLOT="${PYVER}"
KEYWORDS="amd64"
IUSE="bluetooth build debug +ensurepip examples gdbm jit libedit +ncurses pgo +readline +sqlite +ssl tk valgrind"

# Not all of these are in this repository: who wants such a flag does without it here.
RDEPEND="
	app-arch/bzip2:=
	app-arch/xz-utils:=
	app-crypt/libb2
	dev-libs/expat:=
	dev-libs/libffi:=
	dev-libs/mpdecimal:=
	dev-python/gentoo-common
	virtual/zlib:=
	ensurepip? ( dev-python/ensurepip-pip )
	gdbm? ( sys-libs/gdbm:=[berkdb] )
	kernel_linux? ( sys-apps/util-linux:= )
	ncurses? ( sys-libs/ncurses:= )
	readline? (
		!libedit? ( sys-libs/readline:= )
		libedit? ( dev-libs/libedit:= )
	)
	sqlite? ( dev-db/sqlite:3= )
	ssl? ( dev-libs/openssl:= )
	tk? ( dev-lang/tcl:= dev-lang/tk:= )
"
DEPEND="
	${RDEPEND}
	bluetooth? ( net-wireless/bluez )
	valgrind? ( dev-debug/valgrind )
"
BDEPEND="virtual/pkgconfig"
RDEPEND+="
	!build? ( app-misc/mime-types )
	dev-lang/python-exec[python_targets_python${PYVER/./_}(-)]
"

# Modules that are left out, whatever configure finds.
python_disabled() {
	echo '*disabled*'
	use gdbm || echo _gdbm _dbm
	use ncurses || echo _curses _curses_panel
	use readline || echo readline
	use sqlite || echo _sqlite3
	use ssl || echo _hashlib _ssl
	use tk || echo _tkinter
}

src_configure() {
	local args=(
		--enable-shared
		--enable-ipv6
		--enable-loadable-sqlite-extensions
		--disable-test-modules
		--with-dbmliborder="$(usev gdbm)"
		--with-platlibdir=lib
		--with-system-expat
		--with-system-libmpdec
		--with-wheel-pkg-dir=/usr/lib/python/ensurepip
		--without-ensurepip
		--without-lto
		--without-static-libpython
		$(use_enable jit experimental-jit)
		$(use_enable pgo optimizations)
		$(use_with debug assertions)
		$(use_with readline readline "$(usex libedit editline readline)")
		$(use_with valgrind)
	)
	use bluetooth || local -x ac_cv_header_bluetooth_bluetooth_h=no
	tc-export CC AR
	python_disabled >Modules/Setup.local || die
	# What modules of others are compiled with is not for this package to say.
	local -x OPT="$(usev !debug -DNDEBUG)" CFLAGS_NODIST="${CFLAGS}" LDFLAGS_NODIST="${LDFLAGS}" CFLAGS= LDFLAGS=
	econf "${args[@]}"
	echo "EPYTHON='python${PYVER}'" >Lib/epython.py || die
}

src_compile() {
	emake CPPFLAGS= CFLAGS= LDFLAGS=
}

src_install() {
	local lib="${ED}/usr/lib/python${PYVER}" name
	emake -j1 DESTDIR="${D}" altinstall
	rm "${ED}/usr/$(get_libdir)/libpython3.so" || die
	rm -r "${lib}/ensurepip/_bundled" || die
	use sqlite || rm -r "${lib}/sqlite3" || die
	use tk || rm -r "${ED}/usr/bin/idle${PYVER}" "${lib}"/{idlelib,tkinter} || die
	ln -s ../python/EXTERNALLY-MANAGED "${lib}/EXTERNALLY-MANAGED" || die
	# Where python-exec looks.
	for name in python python3; do
		dosym "../../../bin/python${PYVER}" "/usr/lib/python-exec/python${PYVER}/${name}"
	done
}
