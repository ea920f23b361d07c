# SPDX-License-Identifier: ISC
# LC_ADD_FLAGS(VARIABLE, FLAG...)
# Appends each FLAG that the compiler takes without complaint to VARIABLE.
AC_DEFUN([LC_ADD_FLAGS], [
AC_SUBST([$1])
for lc_flag in $2; do
	AC_MSG_CHECKING([whether $CC takes $lc_flag])
	lc_saved_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $lc_flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes])
		 $1="$$1 $lc_flag"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$lc_saved_CFLAGS
done
])

# LC_FIND_LIBRARY(VARIABLE, LIBRARY, FUNCTION, PROGRAM-PROLOGUE, PROGRAM-BODY)
# Sets lc_have_LIBRARY to yes or no, and VARIABLE to what the linker needs.
# A header without a library that links is not enough: with CC=musl-gcc the
# one may be in reach without the other.
AC_DEFUN([LC_FIND_LIBRARY], [
AC_SUBST([$1])
AC_MSG_CHECKING([for $3 in lib$2])
lc_have_$2=no
lc_saved_LIBS=$LIBS
for lc_try in "" "-l$2"; do
	LIBS="$lc_try $lc_saved_LIBS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([$4], [$5])],
		[lc_have_$2=yes
		 $1=$lc_try])
	test "$lc_have_$2" = no || break
done
LIBS=$lc_saved_LIBS
AC_MSG_RESULT([$lc_have_$2])
])
