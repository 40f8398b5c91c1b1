// Package prometheus holds the alerts and the dashboard against Prometheus' own parser and engine.
package prometheus

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var queries = parser.NewParser(parser.Options{})

func TestTheDashboardAsksPrometheusForWhatIsChosenAndMergesNoTopics(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	labelsOf := metrics(t)
	count := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			count++
			// What Grafana puts in.
			query, err := queries.ParseExpr(strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"))
			if err != nil {
				t.Errorf("%s: %v", panel.Title, err)
				continue
			}
			parser.Inspect(query, func(node parser.Node, path []parser.Node) error {
				selector, is := node.(*parser.VectorSelector)
				if !is || labelsOf[selector.Name] == nil {
					return nil
				}
				for _, label := range []string{"namespace", "component", "app", "topic"} {
					if label != "namespace" && !slices.Contains(labelsOf[selector.Name], label) {
						continue
					}
					if label != "topic" && !strings.Contains(selector.String(), label+`=~"$`+label+`"`) {
						t.Errorf("%s: %s is not chosen by the variable %s", panel.Title, selector, label)
					}
					// A stat is one figure for all, and so are publishes, where they are not told apart.
					if panel.Type == "stat" || !slices.Contains(labelsOf[selector.Name], "topic") && !strings.Contains(target.LegendFormat, "{{") {
						continue
					}
					for _, around := range path {
						if aggregation, is := around.(*parser.AggregateExpr); is && slices.Contains(aggregation.Grouping, label) == aggregation.Without {
							t.Errorf("%s: %s merges what differs by %s", panel.Title, aggregation, label)
						}
					}
					if !strings.Contains(target.LegendFormat, "{{"+label+"}}") {
						t.Errorf("%s: the legend %q does not tell the %s", panel.Title, target.LegendFormat, label)
					}
				}
				return nil
			})
		}
	}
	if count < 10 {
		t.Fatalf("only %d queries", count)
	}
}
