# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# packages.sh - sourced: what a build and the tests need, by package name
#
#     . contrib/packages.sh
#     packages_need build          (or: packages_need build test package page)
#
# Installs what is missing with the system's own package manager, if we are
# root or sudo works without asking; otherwise says what to install. Returns 0
# when everything is there, 1 when something is missing: it is up to the caller
# whether to go on without. What the package manager said goes to $packages_log.

packages_log=${packages_log:-packages.log}

packages_manager() {
	for manager in apt-get dnf apk pacman; do
		if command -v "$manager" >/dev/null 2>&1; then
			echo "$manager"
			return
		fi
	done
	echo none
}

# packages_list MANAGER PURPOSE
packages_list() {
	case $1-$2 in
	apt-get-build)
		echo autoconf automake gcc gettext libacl1-dev libarchive-dev libattr1-dev libc6-dev libjansson-dev \
			libtool libxxhash-dev make
		;;
	apt-get-test)
		echo acl attr bats bindfs btrfs-progs clang clang-tidy cpio cppcheck e2fsprogs emacs-nox fish fuse2fs \
			fuse3 g++ gcovr git gnuplot-nox jq kakoune libarchive-tools libcap2-bin libcmocka-dev libfuse3-dev \
			liblmdb-dev libpmemobj-dev libsqlite3-dev linux-libc-dev mandoc moreutils mount musl-tools \
			neovim par2 pkg-config procps python3 quota shellcheck spin strace systemd tmux util-linux \
			valgrind vim xfsprogs xxhash xz-utils zip zsh
		;;
	apt-get-package)
		echo debhelper debootstrap dpkg-dev lintian
		;;
	*-page)
		echo chromium jq python3
		;;
	apt-get-rpm)
		echo file rpm rpmlint
		;;
	dnf-build)
		echo autoconf automake gcc gettext jansson-devel libacl-devel libarchive-devel libattr-devel libtool make \
			xxhash-devel
		;;
	dnf-test)
		echo acl attr bats bsdtar btrfs-progs clang clang-tools-extra cpio cppcheck e2fsprogs gcc-c++ \
			gcovr git jq libasan libcap libcmocka-devel libubsan mandoc moreutils musl-gcc \
			pkgconf-pkg-config procps-ng python3 quota ShellCheck strace util-linux \
			valgrind xfsprogs xz zip
		;;
	apk-build)
		echo acl-dev attr-dev autoconf automake build-base gettext-dev jansson-dev libarchive-dev libtool \
			linux-headers xxhash-dev
		;;
	apk-test)
		echo acl attr bash bats btrfs-progs clang clang-extra-tools cmocka-dev coreutils \
			cpio cppcheck e2fsprogs e2fsprogs-extra findutils gcovr git jq libarchive-tools libcap-utils mandoc \
			moreutils pkgconf procps python3 quota-tools shellcheck strace util-linux \
			valgrind xfsprogs xz zip
		;;
	pacman-build)
		echo acl attr autoconf automake gcc gettext jansson libarchive libtool make xxhash
		;;
	pacman-test)
		echo bash-bats btrfs-progs clang cmocka cpio cppcheck e2fsprogs gcovr git jq libcap mandoc \
			moreutils musl pkgconf procps-ng python quota-tools shellcheck strace \
			util-linux valgrind xfsprogs xz zip
		;;
	esac
}

# packages_missing MANAGER PACKAGE...: those that are not installed
packages_missing() {
	manager=$1
	shift
	for package in "$@"; do
		case $manager in
		apt-get) dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ;;
		dnf) rpm -q --whatprovides "$package" >/dev/null 2>&1 ;;
		apk) apk info -e "$package" >/dev/null 2>&1 ;;
		pacman) pacman -Qq "$package" >/dev/null 2>&1 ;;
		esac || echo "$package"
	done
}

# packages_install MANAGER PACKAGE...
packages_install() {
	manager=$1
	shift
	as_root=
	[ "$(id -u)" -eq 0 ] || as_root='sudo -n'
	case $manager in
	apt-get)
		$as_root apt-get -q update &&
			$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
		;;
	dnf) $as_root dnf -q -y install "$@" ;;
	apk) $as_root apk -q add "$@" ;;
	pacman) $as_root pacman -Sy --noconfirm --needed "$@" ;;
	esac
}

packages_may_install() {
	[ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

packages_need() {
	packages_found=$(packages_manager)
	if [ "$packages_found" = none ]; then
		echo "packages: no apt-get, dnf, apk or pacman here: looking for what is needed is left to configure"
		return 0
	fi
	packages_wanted=
	for purpose in "$@"; do
		packages_wanted="$packages_wanted $(packages_list "$packages_found" "$purpose")"
	done
	# shellcheck disable=SC2086 # a list of words
	packages_lacking=$(packages_missing "$packages_found" $packages_wanted | tr '\n' ' ')
	if [ -z "$packages_lacking" ]; then
		echo "packages: all there"
		return 0
	fi
	if ! packages_may_install; then
		echo "packages: missing, and neither root nor sudo here; please install: $packages_lacking"
		return 1
	fi
	echo "packages: installing $packages_lacking"
	# One that a release does not have must not keep the others away.
	# shellcheck disable=SC2086
	if ! packages_install "$packages_found" $packages_lacking </dev/null >"$packages_log" 2>&1; then
		for package in $packages_lacking; do
			packages_install "$packages_found" "$package" </dev/null >>"$packages_log" 2>&1 ||
				echo "packages: could not install $package"
		done
	fi
	# shellcheck disable=SC2086
	packages_lacking=$(packages_missing "$packages_found" $packages_lacking | tr '\n' ' ')
	[ -n "$packages_lacking" ] || { rm -f "$packages_log"; return 0; }
	echo "packages: still missing: $packages_lacking(see $packages_log)"
	return 1
}
