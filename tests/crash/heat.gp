# SPDX-License-Identifier: ISC
# gnuplot -e "data='lines'; out='heat.svg'" heat.gp
# Workload by file system: how many images were mounted, and in a cell that has
# them how many violated a promise.
set terminal svg size 900,760 font "sans,12" background "white"
set output out
set title "Crash images that were mounted, recovered and judged"
rows = system("awk '!s[$1]++ { printf \"%s \", $1 }' " . data)
columns = system("awk '!s[$2]++ { printf \"%s \", $2 }' " . data)
index_of(list, name) = sum [i = 1:words(list)] (word(list, i) eq name ? i : 0)
unset key
set xrange [0.5:words(columns) + 0.5]
set yrange [words(rows) + 0.5:0.5]
set xtics () rotate by -20
set ytics ()
do for [i = 1:words(columns)] { set xtics add (word(columns, i) i) }
do for [i = 1:words(rows)] { set ytics add (word(rows, i) i) }
set palette defined (0 "#f4f4f4", 1 "#9ecae1", 2 "#2171b5")
set cbrange [0:*]
set cblabel "distinct images"
x(name) = index_of(columns, name)
y(name) = index_of(rows, name)
# A cell with violations is red; "pixels": without blending it with its neighbours
plot data using (x(strcol(2))):(y(strcol(1))):3 with image pixels, \
     data using (x(strcol(2))):($4 > 0 ? y(strcol(1)) : NaN):(0.5):(0.5) \
         with boxxyerror fillcolor "#d7301f" fillstyle solid noborder, \
     data using (x(strcol(2))):(y(strcol(1))):(sprintf($4 > 0 ? "%d BAD" : "%d", $4 > 0 ? $4 : $3)) \
         with labels
