# SPDX-License-Identifier: ISC
# What installs around the tools: recovery at boot and by the clock, completions.
# --enable-boot-recovery installs units, the file for cron and tmpfiles.

recovery_made = \
	contrib/recovery/commit-recover-report \
	contrib/recovery/commit-recover.service \
	contrib/recovery/commit-recover.cron

EXTRA_DIST += \
	contrib/apk/APKBUILD \
	contrib/completions/_commit \
	contrib/completions/commit.bash \
	contrib/completions/commit.fish \
	contrib/debian/build.sh \
	contrib/debian/changelog \
	contrib/debian/control \
	contrib/debian/copyright \
	contrib/debian/libcommit-dev.install \
	contrib/debian/libcommit-tools.install \
	contrib/debian/libcommit0.install \
	contrib/debian/libcommit0.symbols \
	contrib/debian/rules \
	contrib/debian/source/format \
	contrib/debian/tests/control \
	contrib/debian/tests/library \
	contrib/debian/tests/recover \
	contrib/debian/tests/save \
	contrib/debian/tests/translation \
	contrib/editors/commit-editor \
	contrib/editors/commit-save-mode.el \
	contrib/editors/kakoune/commit.kak \
	contrib/editors/vim/plugin/commit.vim \
	contrib/git-hooks/deploy \
	contrib/musl-build.sh \
	contrib/packages.sh \
	contrib/quickstart.sh \
	contrib/recovery/commit-recover-report.in \
	contrib/recovery/commit-recover.cron.in \
	contrib/recovery/commit-recover.default \
	contrib/recovery/commit-recover.service.in \
	contrib/recovery/commit-recover.timer \
	contrib/recovery/commit-recover.tmpfiles \
	contrib/recovery/recover.conf \
	contrib/rpm/libcommit.spec \
	contrib/rpm/rpmlint.toml

CLEANFILES += $(recovery_made)

$(recovery_made): contrib/recovery/%: contrib/recovery/%.in Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/recovery && \
	sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@pkglibexecdir[@]|$(pkglibexecdir)|g' \
		$(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

vimdir = $(datadir)/vim/vimfiles/plugin
lispdir = $(datadir)/emacs/site-lisp
kakdir = $(datadir)/kak/autoload
# where repositories find them by symbolic links
githooksdir = $(pkgdatadir)/git-hooks
if WITH_TOOLS
dist_bin_SCRIPTS = contrib/editors/commit-editor
dist_vim_DATA = contrib/editors/vim/plugin/commit.vim
dist_lisp_DATA = contrib/editors/commit-save-mode.el
dist_kak_DATA = contrib/editors/kakoune/commit.kak
dist_githooks_SCRIPTS = contrib/git-hooks/deploy
endif

# The shells look for a file of the command's name.
completed = commit-save commit-txn commit-triple commit-range commit-recover
bash_completions = $(datadir)/bash-completion/completions
fish_completions = $(datadir)/fish/vendor_completions.d
zsh_completions = $(datadir)/zsh/site-functions

if WITH_TOOLS
install-data-hook: install-completions $(po_install)
uninstall-hook: uninstall-completions $(po_uninstall)
endif

install-completions:
	$(MKDIR_P) $(DESTDIR)$(bash_completions) $(DESTDIR)$(fish_completions) \
		$(DESTDIR)$(zsh_completions)
	$(INSTALL_DATA) $(srcdir)/contrib/completions/commit.bash \
		$(DESTDIR)$(bash_completions)/commit-save
	$(INSTALL_DATA) $(srcdir)/contrib/completions/commit.fish \
		$(DESTDIR)$(fish_completions)/commit-save.fish
	for tool in $(completed); do \
		test $$tool = commit-save || { \
			ln -sfn commit-save $(DESTDIR)$(bash_completions)/$$tool && \
			ln -sfn commit-save.fish $(DESTDIR)$(fish_completions)/$$tool.fish; \
		} || exit 1; \
	done
	$(INSTALL_DATA) $(srcdir)/contrib/completions/_commit $(DESTDIR)$(zsh_completions)/_commit

uninstall-completions:
	for tool in $(completed); do \
		rm -f $(DESTDIR)$(bash_completions)/$$tool $(DESTDIR)$(fish_completions)/$$tool.fish; \
	done
	rm -f $(DESTDIR)$(zsh_completions)/_commit

.PHONY: install-completions uninstall-completions

if BOOT_RECOVERY
pkglibexec_SCRIPTS = contrib/recovery/commit-recover-report
systemdsystemunitdir = $(prefix)/lib/systemd/system
dist_systemdsystemunit_DATA = contrib/recovery/commit-recover.timer
nodist_systemdsystemunit_DATA = contrib/recovery/commit-recover.service
commitconfdir = $(sysconfdir)/commit

# Other names than in the source; what its owner may have edited stays
install-data-local: contrib/recovery/commit-recover.cron
	$(MKDIR_P) $(DESTDIR)$(sysconfdir)/cron.d $(DESTDIR)$(prefix)/lib/tmpfiles.d \
		$(DESTDIR)$(commitconfdir) $(DESTDIR)$(sysconfdir)/default
	$(INSTALL_DATA) contrib/recovery/commit-recover.cron $(DESTDIR)$(sysconfdir)/cron.d/commit-recover
	$(INSTALL_DATA) $(srcdir)/contrib/recovery/commit-recover.tmpfiles \
		$(DESTDIR)$(prefix)/lib/tmpfiles.d/commit-recover.conf
	test -e $(DESTDIR)$(commitconfdir)/recover.conf || \
		$(INSTALL_DATA) $(srcdir)/contrib/recovery/recover.conf $(DESTDIR)$(commitconfdir)
	test -e $(DESTDIR)$(sysconfdir)/default/commit-recover || \
		$(INSTALL_DATA) $(srcdir)/contrib/recovery/commit-recover.default \
			$(DESTDIR)$(sysconfdir)/default/commit-recover

uninstall-local:
	rm -f $(DESTDIR)$(sysconfdir)/cron.d/commit-recover \
		$(DESTDIR)$(prefix)/lib/tmpfiles.d/commit-recover.conf
	! cmp -s $(srcdir)/contrib/recovery/recover.conf $(DESTDIR)$(commitconfdir)/recover.conf || \
		rm -f $(DESTDIR)$(commitconfdir)/recover.conf
	! cmp -s $(srcdir)/contrib/recovery/commit-recover.default \
		$(DESTDIR)$(sysconfdir)/default/commit-recover || \
		rm -f $(DESTDIR)$(sysconfdir)/default/commit-recover
endif
