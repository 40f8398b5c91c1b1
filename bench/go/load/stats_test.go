package main

import (
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	thousand := make([]time.Duration, 1_000)
	for i := range thousand {
		thousand[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		name   string
		sorted []time.Duration
		part   float64
		want   time.Duration
	}{
		{"none", nil, 0.5, 0},
		{"one", []time.Duration{7}, 0.999, 7},
		{"middle of three", []time.Duration{1, 5, 9}, 0.5, 5},
		{"lower middle of four", []time.Duration{1, 5, 9, 11}, 0.5, 5},
		{"half", thousand, 0.5, 500},
		{"nine tenths", thousand, 0.9, 900},
		{"all but ten", thousand, 0.99, 990},
		{"all but one", thousand, 0.999, 999},
		{"least", thousand, 0, 1},
		{"greatest", thousand, 1, 1_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := percentile(c.sorted, c.part); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestPercentilesAreMicroseconds(t *testing.T) {
	all := sortedOf([][]time.Duration{{3 * time.Millisecond, 1_250}, {2 * time.Microsecond}})
	got := newPercentiles(all)
	if got.P50 != 2 || got.P999 != 3_000 || micros(all[0]) != 1.3 {
		t.Errorf("got %+v of %v", got, all)
	}
}
