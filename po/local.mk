# SPDX-License-Identifier: ISC
# What the tools say in other languages. A new one is named here, after
#
#     make pot && msginit -i po/libcommit.pot -l LANGUAGE -o SOURCE/po/LANGUAGE.po
#
# `make po-update` brings what has changed in the source into all of them.
po_languages = de
po_catalogues = $(po_languages:%=po/%.mo)

EXTRA_DIST += $(po_languages:%=po/%.po)
CLEANFILES += $(po_catalogues) po/libcommit.pot

# The functions that translate, by the number of their argument, of how many; below,
# those that fill in the library's errors, which a tool translates when it says them.
po_keywords = -k --keyword=nls:1 --keyword=cli_say:2 --keyword=cli_usage:2 --keyword=cli_fail:6 \
	--keyword=child_judge:6 --keyword=refuse:2,3t --keyword=reject:3 --keyword=txn_apply_refuse:3 \
	--keyword=lc_error_set:6 --keyword=lc_call_failed:3 --keyword=lc_rvm_fail:6 \
	--keyword=lc_save_fail:4 --keyword=lc_store_fail:4 --keyword=lc_txn_fail:5 \
	--keyword=refuse:4,5t --keyword=refuse:5,6t --keyword=fail:4,5t --keyword=fail:5,6t

pot:
	$(MKDIR_P) po
	pot=`pwd`/po/libcommit.pot && cd $(srcdir) && \
	$(XGETTEXT) --from-code=UTF-8 --language=C --sort-by-file --add-location=file $(po_keywords) \
		--package-name=libcommit --copyright-holder='the libcommit authors' -o $$pot \
		src/tools/*.c src/archive/*.c src/lib/*.c

po-update: pot
	for language in $(po_languages); do \
		msgmerge --quiet --update --no-fuzzy-matching --backup=none --add-location=file \
			$(srcdir)/po/$$language.po po/libcommit.pot || exit 1; \
	done

$(po_catalogues): po/%.mo: po/%.po
	$(AM_V_GEN)$(MKDIR_P) po && $(MSGFMT) --check -o $@.tmp $< && mv $@.tmp $@

if NLS
noinst_DATA = $(po_catalogues)
po_install = install-catalogues
po_uninstall = uninstall-catalogues
endif

install-catalogues: $(po_catalogues)
	for language in $(po_languages); do \
		$(MKDIR_P) $(DESTDIR)$(localedir)/$$language/LC_MESSAGES && \
		$(INSTALL_DATA) po/$$language.mo \
			$(DESTDIR)$(localedir)/$$language/LC_MESSAGES/libcommit.mo || exit 1; \
	done

uninstall-catalogues:
	for language in $(po_languages); do \
		rm -f $(DESTDIR)$(localedir)/$$language/LC_MESSAGES/libcommit.mo; \
	done

.PHONY: pot po-update install-catalogues uninstall-catalogues
