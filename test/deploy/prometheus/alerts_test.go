package prometheus

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// Scraped and evaluated this often: what Prometheus does unless told otherwise.
const interval = time.Minute

// An example is what Prometheus has scraped, and when an alert fires for it.
type example struct {
	of string
	// One a line, in Prometheus' notation for tests: a sample each minute from minute 0 on, `1x4` are
	// five of them, `_x4` are four without one, `stale` the end of a series. Names are without dapr_nats_jetstream_.
	series string
	// The minutes from and to which it fires, for each alert that it becomes; empty where it must not.
	fires []string
}

var examples = map[string][]example{
	"DaprNatsJetstreamOrphaned": {
		{"one of two processes, until it is gone", `
			orphaned{instance="a"} 0 1x3 stale
			orphaned{instance="b"} 0x5`,
			[]string{"2-4"}},
		{"less than a minute", `orphaned{instance="a"} 0 1 0x3`, nil},
	},
	"DaprNatsJetstreamDisconnected": {
		{"each of two processes by itself", `
			connection_up{component="pubsub",app="shop",instance="a"} 1 0x4 1
			connection_up{component="pubsub",app="shop",instance="b"} 1 1 0x4`,
			[]string{"2-5", "3-6"}},
		{"less than a minute", `connection_up{component="pubsub",app="shop",instance="a"} 1 0 1x3`, nil},
	},
	"DaprNatsJetstreamNotDelivering": {
		{"one of two processes, until it delivers", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="binding",instance="a"} 1x5 0x2
			subscription_state{component="pubsub",app="shop",topic="orders",state="delivering",instance="a"} 0x5 1x2
			subscription_state{component="pubsub",app="shop",topic="orders",state="binding",instance="b"} 0x8
			subscription_state{component="pubsub",app="shop",topic="orders",state="delivering",instance="b"} 1x8`,
			[]string{"2-5"}},
		{"both stand by, until one has the consumer", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="standby",instance="a"} 1x5 0x2
			subscription_state{component="pubsub",app="shop",topic="orders",state="delivering",instance="a"} 0x5 1x2
			subscription_state{component="pubsub",app="shop",topic="orders",state="standby",instance="b"} 1x8`,
			[]string{"2-5", "2-5"}},
		{"one topic stands by and the other one delivers", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="standby",instance="a"} 1x5
			subscription_state{component="pubsub",app="shop",topic="bills",state="delivering",instance="a"} 1x5`,
			[]string{"2-5"}},
		{"it looks for the consumer and stands by in turns", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="binding",instance="a"} 1 0 1 0 1 0
			subscription_state{component="pubsub",app="shop",topic="orders",state="standby",instance="a"} 0 1 0 1 0 1`,
			[]string{"2-5"}},
		{"less than two minutes", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="binding",instance="a"} 1x1 0x5`, nil},
		{"one stands by while another delivers, and takes over", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="standby",instance="a"} 1x6 0x5
			subscription_state{component="pubsub",app="shop",topic="orders",state="delivering",instance="a"} 0x6 1x5
			subscription_state{component="pubsub",app="shop",topic="orders",state="standby",instance="b"} 0x5
			subscription_state{component="pubsub",app="shop",topic="orders",state="delivering",instance="b"} 1x5 stale`, nil},
		{"paused", `
			subscription_state{component="pubsub",app="shop",topic="orders",state="binding",instance="a"} 0x5
			subscription_state{component="pubsub",app="shop",topic="orders",state="paused",instance="a"} 1x5`, nil},
	},
	"DaprNatsJetstreamMessagesLost": counted("terms_total"),
	"DaprNatsJetstreamDeadLetters":  counted("dead_letters_total"),
	"DaprNatsJetstreamBacklog": {
		{"it grows", `
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0+100x40`,
			[]string{"26-40"}},
		{"two processes see the same, one is started again", `
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0+100x15 stale _x2 1900+100x21
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="b"} 0+100x40`,
			[]string{"26-40"}},
		{"NATS does not answer once", `
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0+100x15 stale 1700+100x23`,
			[]string{"26-40"}},
		{"few", `consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0+20x50`, nil},
		{"many, but no more than before", `
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 5000x40`, nil},
		{"less than a quarter of an hour", `
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0+100x20 1900-100x19`, nil},
		{"one is large, the other one grows", `
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="a"} 9000-100x40
			consumer_pending{component="pubsub",app="shop",topic="orders",instance="b"} 0+20x40`, nil},
	},
	"DaprNatsJetstreamAppRefuses": {
		{"the app fails at once: nothing is with it when it is asked", `
			naks_total{component="pubsub",app="shop",topic="orders",reason="refused",instance="a"} 0+120x30
			in_flight{component="pubsub",app="shop",topic="orders",instance="a"} 0x30`,
			[]string{"16-30"}},
		{"two processes together, one is started again", `
			naks_total{component="pubsub",app="shop",topic="orders",reason="refused",instance="a"} 0+40x30
			naks_total{component="pubsub",app="shop",topic="orders",reason="refused",instance="b"} 0+40x15 0+40x14`,
			[]string{"18-30"}},
		{"less than one a second", `
			naks_total{component="pubsub",app="shop",topic="orders",reason="refused",instance="a"} 0+55x40`, nil},
		{"given back", `
			naks_total{component="pubsub",app="shop",topic="orders",reason="given-back",instance="a"} 0+120x40`, nil},
		{"for some minutes", `
			naks_total{component="pubsub",app="shop",topic="orders",reason="refused",instance="a"} 0+120x8 960x30`, nil},
	},
	"DaprNatsJetstreamDeadLettersPending": {
		{"one at one process, then another at another", `
			dead_letters_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x5 0x5
			dead_letters_pending{component="pubsub",app="shop",topic="orders",instance="b"} 0x5 1x5 0`,
			[]string{"6-11"}},
		{"many, each for a moment", `
			dead_letters_pending{component="pubsub",app="shop",topic="orders",instance="a"} 0 9x4 0 9x4 0`, nil},
	},
	"DaprNatsJetstreamStuck": {
		{"one message every half a minute, until it is settled", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 0 1x40 0x9
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0 0 0+2x40 80x9`,
			[]string{"33-42"}},
		{"one message every ten minutes", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x50
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x9 2x9 3x9 4x9 5x10`,
			[]string{"31-51"}},
		{"NATS does not answer for three minutes", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x10 stale _x2 1x37
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0+2x52`,
			[]string{"31-52"}},
		{"two processes see the same, and are replaced one after the other", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x10 stale
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0+1x11 stale
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="b"} 0 1x13 stale
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="b"} 0+1x14 stale
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="c"} _x14 1x35
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="c"} _x14 1+2x35`,
			[]string{"31-49"}},
		{"each of two topics by itself", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x40
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0+2x41
			consumer_redelivered{component="pubsub",app="shop",topic="bills",instance="a"} 0x5 1x35
			redeliveries_total{component="pubsub",app="shop",topic="bills",instance="a"} 0x5 0+2x35`,
			[]string{"31-41", "37-41"}},
		{"a process that has been there for less than half an hour", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} _x20 1x29
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} _x20 5+2x29`, nil},
		{"ten deliveries, and then a dead letter", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 1x3 0x45
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0 6 9x47`, nil},
		{"now and then, for a moment", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 1 0x9 1 0x9 1 0x9 1 0x9 1 0x9
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0+1x51`, nil},
		{"given back by a process that stopped, and the app is slow", `
			consumer_redelivered{component="pubsub",app="shop",topic="orders",instance="a"} 0 200-3x60
			redeliveries_total{component="pubsub",app="shop",topic="orders",instance="a"} 0 200x60`, nil},
	},
	"DaprNatsJetstreamSlowStream": {
		{"two of a hundred, at two processes", `
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="1",instance="a"} 0+98x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="2.5",instance="a"} 0+100x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="+Inf",instance="a"} 0+100x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="1",instance="b"} 0+98x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="2.5",instance="b"} 0+100x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="+Inf",instance="b"} 0+100x30`,
			[]string{"11-30"}},
		{"five of a thousand", `
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="1",instance="a"} 0+995x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="2.5",instance="a"} 0+1000x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="+Inf",instance="a"} 0+1000x30`, nil},
		{"for some minutes, and then nothing is published", `
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="1",instance="a"} 0x30
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="2.5",instance="a"} 0+100x5 500x25
			publish_ack_seconds_bucket{component="pubsub",app="shop",le="+Inf",instance="a"} 0+100x5 500x25`, nil},
	},
}

// counted is the examples of an alert for each message that a counter has counted.
func counted(counter string) []example {
	series := func(instance, samples string) string {
		return fmt.Sprintf("%s{component=\"pubsub\",app=\"shop\",topic=\"orders\",reason=\"refused\",instance=%q} %s\n",
			counter, instance, samples)
	}
	return []example{
		{"one of two processes has counted one", series("a", "0x3 1x20") + series("b", "0x24"), []string{"4-12"}},
		{"each reason by itself",
			series("a", "0x3 1x20") + strings.Replace(series("a", "0x5 1x20"), "refused", "too-large", 1),
			[]string{"4-12", "6-14"}},
		{"a new process has counted before it was scraped", series("a", "_x5 1x20"), []string{"5-14"}},
		{"and is gone", series("a", "_x5 1x2 stale _x9"), []string{"5-7"}},
		// What a new Prometheus finds is new, too.
		{"a restart of the process adds nothing", series("a", "5x19 0x20"), []string{"0-9"}},
		{"a restarted process has counted before it was scraped", series("a", "5x19 1x20"), []string{"0-9", "20-28"}},
		{"a gap of the scraping adds nothing", series("a", "5x19 _x40 5x20"), []string{"0-9"}},
		{"nothing is counted, by a new process neither", series("a", "0x24") + series("b", "_x5 0x18"), nil},
	}
}

func TestEachAlertFiresWhenItShould(t *testing.T) {
	groups, errs := rulefmt.ParseFile("../../../deploy/prometheus/alerts.yaml", false, model.UTF8Validation, queries, slog.Default())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: 10 * time.Second, Parser: queries})
	defer engine.Close()
	labelsOf := metrics(t)
	left := maps.Clone(examples)
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			delete(left, rule.Alert)
			if rule.Labels["severity"] == "" {
				t.Errorf("%s has no severity", rule.Alert)
			}
			if rule.KeepFiringFor != 0 {
				t.Errorf("%s: keep_firing_for is not evaluated here", rule.Alert)
			}
			count := map[bool]int{}
			for _, one := range examples[rule.Alert] {
				count[len(one.fires) > 0]++
				from := scrape(t, labelsOf, one.series)
				if got := firing(t, engine, rule, from); !slices.Equal(got, one.fires) {
					t.Errorf("%s: %s: fires %q, not %q", rule.Alert, one.of, got, one.fires)
				}
				// What is well in another namespace hides nothing, and adds nothing.
				for _, other := range examples[rule.Alert] {
					quiet := scrape(t, labelsOf, other.series)
					// What ends is there for some minutes more: it can fire then.
					if len(other.fires) > 0 || quiet.minutes < from.minutes {
						continue
					}
					both := from.in("one")
					both.series = append(both.series, quiet.in("another").series...)
					if got := firing(t, engine, rule, both); !slices.Equal(got, one.fires) {
						t.Errorf("%s: %s: with %q in another namespace: fires %q, not %q", rule.Alert, one.of, other.of, got, one.fires)
					}
				}
				twice := slices.Sorted(slices.Values(slices.Repeat(one.fires, 2)))
				if got := firing(t, engine, rule, from.in("one", "another")); !slices.Equal(got, twice) {
					t.Errorf("%s: %s: in each of two namespaces: fires %q, not %q", rule.Alert, one.of, got, twice)
				}
			}
			if count[true] == 0 || count[false] == 0 {
				t.Errorf("%s needs an example for which it fires, and one for which it does not", rule.Alert)
			}
		}
	}
	for alert := range left {
		t.Errorf("there is no alert %s", alert)
	}
}

// metrics is the labels that each series of the component has, in order: from what is generated of its code.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	labelsOf := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(dapr_nats_jetstream_\\w+)` \\| (\\w+) \\| ([\\w, ]*) \\|").FindAllStringSubmatch(string(page), -1) {
		ends := map[string]string{"": ""}
		if row[2] == "histogram" {
			ends = map[string]string{"_bucket": "le", "_sum": "", "_count": ""}
		}
		for end, label := range ends {
			// The first two are Prometheus' own.
			names := append([]string{model.MetricNameLabel, "instance", label}, strings.Split(row[3], ", ")...)
			slices.Sort(names)
			labelsOf[row[1]+end] = slices.DeleteFunc(names, func(name string) bool { return name == "" })
		}
	}
	return labelsOf
}

// scrape reads series, which have to be such as the component has.
func scrape(t *testing.T, labelsOf map[string][]string, text string) scraped {
	t.Helper()
	var found scraped
	for line := range strings.Lines(strings.TrimSpace(text)) {
		metric, values, err := queries.ParseSeriesDesc("dapr_nats_jetstream_" + strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		name := metric.Get(model.MetricNameLabel)
		if got := slices.Sorted(maps.Keys(metric.Map())); !slices.Equal(got, labelsOf[name]) {
			t.Fatalf("%s: the component has it with the labels %q, not %q", name, labelsOf[name], got)
		}
		one := promql.Series{Metric: metric}
		for minute, value := range values {
			if !value.Omitted {
				one.Floats = append(one.Floats, promql.FPoint{T: at(minute).UnixMilli(), F: value.Value})
			}
		}
		found.minutes = max(found.minutes, len(values))
		found.series = append(found.series, one)
	}
	return found
}

func at(minute int) time.Time { return time.UnixMilli(0).Add(time.Duration(minute) * interval) }

var mentioned = regexp.MustCompile(`\$labels\.(\w+)`)

// firing evaluates a rule every minute, and tells from and to when each alert fires.
// The package `rules` of Prometheus would do it, but brings the clients of three clouds along.
func firing(t *testing.T, engine *promql.Engine, rule rulefmt.Rule, from scraped) []string {
	t.Helper()
	query, err := engine.NewRangeQuery(context.Background(), from, nil, rule.Expr, at(0), at(from.minutes-1), interval)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	matrix, err := query.Exec(context.Background()).Matrix()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, alert := range matrix {
		for _, text := range rule.Annotations {
			for _, label := range mentioned.FindAllStringSubmatch(text, -1) {
				if !alert.Metric.Has(label[1]) {
					t.Errorf("%s: %q: the alert has no label %s", rule.Alert, text, label[1])
				}
			}
		}
		minute := func(i int) int { return int(alert.Floats[i].T / interval.Milliseconds()) }
		for first := 0; first < len(alert.Floats); {
			last := first
			for last+1 < len(alert.Floats) && minute(last+1) == minute(last)+1 {
				last++
			}
			// It fires once it has been there for so long at each evaluation.
			if since := minute(first) + int((time.Duration(rule.For)+interval-1)/interval); since <= minute(last) {
				found = append(found, fmt.Sprintf("%d-%d", since, minute(last)))
			}
			first = last + 1
		}
	}
	slices.Sort(found)
	return found
}

// scraped is what is stored, for Prometheus' engine to ask.
type scraped struct {
	storage.LabelQuerier
	series  []promql.Series
	minutes int
}

// in is the same once more in each namespace.
func (s scraped) in(namespaces ...string) scraped {
	found := scraped{minutes: s.minutes}
	for _, namespace := range namespaces {
		for _, one := range s.series {
			one.Metric = labels.NewBuilder(one.Metric).Set("namespace", namespace).Labels()
			found.series = append(found.series, one)
		}
	}
	return found
}

func (s scraped) Querier(int64, int64) (storage.Querier, error) { return s, nil }
func (scraped) Close() error                                    { return nil }

func (s scraped) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	chosen := &chosen{}
	for _, one := range s.series {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(one.Metric.Get(m.Name)) }) {
			chosen.left = append(chosen.left, promql.NewStorageSeries(one))
		}
	}
	return chosen
}

// chosen goes through the series of one selector.
type chosen struct {
	left []storage.Series
	at   storage.Series
}

func (c *chosen) Next() bool {
	if len(c.left) == 0 {
		return false
	}
	c.at, c.left = c.left[0], c.left[1:]
	return true
}
func (c *chosen) At() storage.Series              { return c.at }
func (*chosen) Err() error                        { return nil }
func (*chosen) Warnings() annotations.Annotations { return nil }
