# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# contrib/rpm/libcommit.spec: built twice, the same bytes both times; rpmlint has
# nothing to say; installed, used and removed below a directory. rpm works on any
# system, what the packages ask for does not have names here: --nodeps.

# What a distribution's macros would set. Files for debuggers come from a macro of
# theirs, too; here there is nothing for them, nor the path of the build.
rpm_build() { # TOPDIR
	mkdir -p "$1" && CFLAGS=-O2 LDFLAGS=-Wl,-s rpmbuild -ta --nodeps --without check --define "_topdir $1" \
		--define '_unitdir /usr/lib/systemd/system' --define '_tmpfilesdir /usr/lib/tmpfiles.d' \
		--define 'systemd_post() systemctl preset %* || :' \
		--define 'systemd_preun() systemctl disable --now %* || :' \
		--define 'systemd_postun() systemctl daemon-reload || :' \
		--define '__os_install_post bash /usr/lib/rpm/brp-compress /usr' \
		--define 'source_date_epoch_from_changelog 1' --define 'use_source_date_epoch_as_buildtime 1' \
		--define 'clamp_mtime_to_source_date_epoch 1' --define '_buildhost localhost' \
		"$run_dir"/check/libcommit-*.tar.xz
}

# The binary packages: the source package has the times of its build
rpm_same_bytes() {
	(cd "$rpm_dir/one/RPMS" && sha256sum ./*/*.rpm) >"$rpm_dir/one.sums" &&
		(cd "$rpm_dir/two/deeper/RPMS" && sha256sum ./*/*.rpm) | diff "$rpm_dir/one.sums" -
}

# It has a status for errors only; a warning is said in the last line.
rpm_lint() {
	rpmlint -c "$source_dir/contrib/rpm/rpmlint.toml" "$source_dir/contrib/rpm/libcommit.spec" \
		"$rpm_dir"/one/RPMS/*/*.rpm "$rpm_dir"/one/SRPMS/*.rpm >"$rpm_dir/lint.said"
	cat "$rpm_dir/lint.said"
	grep -q ' 0 errors, 0 warnings' "$rpm_dir/lint.said"
}

in_rpm_root() { # RPM-ARGUMENT...
	rpm --root "$rpm_dir/root" --nodeps --noscripts "$@"
}

rpm_install() {
	mkdir -p "$rpm_dir/root" && in_rpm_root -i "$rpm_dir"/one/RPMS/*/*.rpm &&
		in_rpm_root -V libcommit libcommit-devel libcommit-static libcommit-tools
}

rpm_use() {
	echo new | "$rpm_dir/root/usr/bin/commit-save" "$rpm_dir/saved" &&
		[ "$(cat "$rpm_dir/saved")" = new ] &&
		cc -I"$rpm_dir/root/usr/include" -o "$rpm_dir/example" "$source_dir/tests/install/example.c" \
			-L"$rpm_dir/root/usr/lib64" -L"$rpm_dir/root/usr/lib" -lcommit &&
		LD_LIBRARY_PATH=$rpm_dir/root/usr/lib64:$rpm_dir/root/usr/lib "$rpm_dir/example" "$rpm_dir/saved"
}

# What its owner has written is kept; of the rest nothing is left
rpm_remove() {
	echo /srv >>"$rpm_dir/root/etc/commit/recover.conf"
	in_rpm_root -e libcommit-tools libcommit-static libcommit-devel libcommit || return
	[ "$(tail -n 1 "$rpm_dir/root/etc/commit/recover.conf.rpmsave")" = /srv ] || return
	left=$(find "$rpm_dir/root" -path '*commit*' ! -path '*/etc/commit*' ! -path '*/rpm/*' ! -path "*/root/tmp/*" \
		-printf '%P\n')
	[ -z "$left" ] || {
		printf 'left: %s\n' "$left"
		return 1
	}
}

stage_rpm() {
	[ -n "${LC_NO_INSTALL:-}" ] || packages_need rpm
	reason=$(missing_program rpmbuild rpmlint)
	if [ -n "$reason" ]; then
		skip rpm 'RPM packages' "$reason"
		return
	fi
	rpm_dir=$run_dir/rpm
	rm -rf "$rpm_dir" && mkdir -p "$rpm_dir"
	plain_build rpm || return
	(cd "$run_dir/check" && logged rpm 'make dist' dist.out make dist) || return
	step rpm "$rpm_dir" 'built' rpm_build "$rpm_dir/one" || return
	step rpm "$rpm_dir" 'built again, elsewhere' rpm_build "$rpm_dir/two/deeper" &&
		step rpm "$rpm_dir" 'two builds are the same bytes' rpm_same_bytes
	step rpm "$rpm_dir" 'rpmlint says nothing' rpm_lint
	if [ "$(id -u)" -ne 0 ]; then
		skip rpm 'installed, used, removed' 'rpm --root needs root'
		return
	fi
	step rpm "$rpm_dir" 'installed' rpm_install || return
	step rpm "$rpm_dir" 'used' rpm_use
	step rpm "$rpm_dir" 'removed, configuration kept' rpm_remove
}
