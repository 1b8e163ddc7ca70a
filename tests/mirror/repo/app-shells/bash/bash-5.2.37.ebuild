EAPI=8

inherit toolchain-funcs

DESCRIPTION="The standard GNU Bourne again shell"
HOMEPAGE="https://www.gnu.org/software/bash/"
# With upstream's patches in it: what Gentoo calls 5.2_p37.
SRC_URI="mirror://gentoo/${P}.tar.xz"

LICENSE="GPL-3+"
SLOT="0"
KEYWORDS="amd64"
IUSE="afs bashlogger examples mem-scramble +net nls plugins pgo +readline"
REQUIRED_USE="!bashlogger !pgo"

DEPEND="
	sys-libs/ncurses:=
	readline? ( sys-libs/readline:= )
"
RDEPEND="${DEPEND}"

src_configure() {
	local args=(
		--disable-profiling
		--with-curses
		--with-installed-readline=.
		$(use_enable mem-scramble)
		$(use_enable net net-redirections)
		$(use_enable nls)
		$(use_enable readline)
		$(use_enable readline bang-history)
		$(use_enable readline history)
		$(use_with afs)
		$(use_with mem-scramble bash-malloc)
	)
	tc-export AR
	export CPPFLAGS="${CPPFLAGS} -DSYS_BASHRC='\"/etc/bash/bashrc\"' -DNON_INTERACTIVE_LOGIN_SHELLS -DSSH_SOURCE_BASHRC"
	# There is no option for it.
	use plugins || export ac_cv_func_dl{close,open,sym}=no ac_cv_lib_dl_dlopen=no ac_cv_header_dlfcn_h=no
	econf "${args[@]}"
}

src_install() {
	default
	dosym bash /usr/bin/rbash
	insinto /etc/bash
	doins "${FILESDIR}/bashrc"
	insinto /etc/skel
	newins "${FILESDIR}/dot-bashrc" .bashrc
	use examples || rm -rf "${ED}/usr/share/doc/${PF}/examples" || die
}
