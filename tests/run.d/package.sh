# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# The Debian packages: built twice, the same bytes both times; lintian has
# nothing to say; installed, used, upgraded and purged in a root made by
# debootstrap, in which the tests of the tools run against what was installed.

package_tools='dpkg-buildpackage lintian debootstrap'
# What the tests of the tools need in the root
package_root_needs=acl,attr,bats,bsdextrautils,ca-certificates,cpio,gcc,git,jq,libarchive-tools,libc6-dev,libcap2-bin,make,moreutils,pkg-config,procps,python3,strace,zip

package_missing() {
	# shellcheck disable=SC2086 # words
	reason=$(missing_program $package_tools)
	[ -n "$reason" ] || [ "$(id -u)" -eq 0 ] || reason='debootstrap and mounts need root'
	printf '%s' "$reason"
}

package_build() { # DIR
	DEB_BUILD_OPTIONS="nocheck parallel=$jobs" sh "$source_dir/contrib/debian/build.sh" \
		"$run_dir"/check/libcommit-*.tar.xz "$1"
}

package_sums() { # DIR
	(cd "$1" && sha256sum ./*.deb)
}

package_same_bytes() {
	package_sums "$package_dir/one" >"$package_dir/one.sums" &&
		package_sums "$package_dir/two" | diff "$package_dir/one.sums" -
}

package_lintian() {
	lintian --allow-root --display-info --pedantic --fail-on=error,warning,info,pedantic \
		"$package_dir"/one/*.changes
}

package_mirror() {
	grep -rhoE 'https?://[^ ]*debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
		head -n 1 | tr -d ' '
}

package_make_root() {
	# shellcheck disable=SC1091
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(package_mirror)
	debootstrap --variant=minbase --include="$package_root_needs" "$suite" "$package_dir/root" \
		"${mirror:-http://deb.debian.org/debian}" &&
		mkdir -p "$package_dir/root/packages" &&
		cp "$package_dir"/one/*.deb "$package_dir/root/packages"
}

in_root() { # COMMAND...
	sh "$source_dir/tests/install/enter-root.sh" "$package_dir/root" -- "$@"
}

package_install() {
	# shellcheck disable=SC2016 # the root's shell
	in_root sh -c 'apt-get install -y --no-install-recommends $(ls /packages/*.deb | grep -v dbgsym)'
}

# As autopkgtest would
package_use() {
	for test in "$source_dir"/contrib/debian/tests/*; do
		case $test in */control) continue ;; esac
		cp "$test" "$package_dir/root/packages/test" && in_root sh /packages/test || return
	done
}

# The tools' tests, in the root, with the tools that were installed there
package_bats() {
	find "$run_dir/check/tests" -name '*.trs' -exec rm -f {} +
	sh "$source_dir/tests/install/enter-root.sh" "$package_dir/root" "ro:$source_dir" "rw:$run_dir/check" -- \
		env LC_TOOLS_FIRST=/usr/bin:/usr/sbin \
		make -C "$run_dir/check" -j"$test_jobs" check-TESTS check_PROGRAMS= check_LTLIBRARIES= \
		TESTS="$(cd "$source_dir" && echo tests/cli/*.bats)"
	bats_status=$?
	collect_all package "$run_dir/check"
	[ -s "$run_dir/check/check.list" ] && return $bats_status
}

# A newer version over it, with what the owner has written kept
package_upgrade() {
	conf=$package_dir/root/etc/commit/recover.conf
	echo /srv >>"$conf"
	for package in libcommit0 libcommit-dev libcommit-tools; do
		rm -rf "$package_dir/newer" &&
			dpkg-deb -R "$package_dir"/one/${package}_*.deb "$package_dir/newer" &&
			sed -i -e 's/^Version: .*/&+1/' -e 's/\(libcommit0 (= [^)]*\))/\1+1)/' \
				"$package_dir/newer/DEBIAN/control" &&
			dpkg-deb -b "$package_dir/newer" "$package_dir/root/packages/$package-newer.deb" || return
	done
	# shellcheck disable=SC2016 # the root's shell
	in_root sh -c 'dpkg -i /packages/*-newer.deb && commit-save --version' &&
		[ "$(tail -n 1 "$conf")" = /srv ]
}

package_purge() {
	in_root dpkg --purge libcommit-tools libcommit-dev libcommit0 || return
	left=$(cd "$package_dir/root" && find etc usr lib -name '*commit*' ! -path '*/git-core/*' \
		! -path '*/doc/git/*' ! -path 'usr/share/perl*' | grep -i -e libcommit -e commit-recover -e 'etc/commit')
	[ -z "$left" ] || {
		printf 'left: %s\n' "$left"
		return 1
	}
}

stage_package() {
	[ -n "${LC_NO_INSTALL:-}" ] || packages_need package
	reason=$(package_missing)
	if [ -n "$reason" ]; then
		skip package 'Debian packages' "$reason"
		return
	fi
	package_dir=$run_dir/package
	rm -rf "$package_dir" && mkdir -p "$package_dir"
	plain_build package || return
	(cd "$run_dir/check" && logged package 'make dist' dist.out make dist) || return
	step package "$package_dir" 'built' package_build "$package_dir/one" || return
	step package "$package_dir" 'built again, elsewhere' package_build "$package_dir/two/deeper" &&
		mv "$package_dir"/two/deeper/*.deb "$package_dir/two" &&
		step package "$package_dir" 'two builds are the same bytes' package_same_bytes
	step package "$package_dir" 'lintian, pedantic, says nothing' package_lintian
	step package "$package_dir" 'a root made by debootstrap' package_make_root || return
	step package "$package_dir" 'installed' package_install || return
	step package "$package_dir" 'used' package_use
	step package "$package_dir" 'the tools'"'"' tests, against what was installed' package_bats
	step package "$package_dir" 'upgraded, configuration kept' package_upgrade
	step package "$package_dir" 'purged, nothing left' package_purge
}
