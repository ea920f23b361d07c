# SPDX-License-Identifier: ISC
# gnuplot -e "table='...'; rate='...svg'; late='...svg'" rvm.gp
set terminal svg size 900,500 font 'sans,12' background 'white'
set logscale xy
set xlabel 'threads'
set xtics (1, 2, 8, 32)
set xrange [0.9:40]
set key outside
set grid
ways = system("cut -d' ' -f1 ".table." | sort -u")

set output rate
set ylabel 'transactions a second'
plot for [way in ways] "< grep '^".way." ' ".table." | sort -k2n" using 2:3 with linespoints title way

set output late
set ylabel 'microseconds a transaction: median to 99th percentile'
plot for [way in ways] "< grep '^".way." ' ".table." | sort -k2n" using 2:4:4:5 with yerrorlines title way
