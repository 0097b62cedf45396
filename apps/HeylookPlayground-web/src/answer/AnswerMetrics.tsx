import { duration, rate, type Metrics } from "@/chat/metrics";
import { Metric, MetricList } from "@/components";

export function AnswerMetrics({ metrics, finish }: { metrics: Metrics; finish?: string | null }) {
  return (
    <MetricList label="Metrics of the answer">
      <Metric
        label="First token"
        value={duration(metrics.firstToken)}
        title={metrics.queue ? `${duration(metrics.queue)} of it in the queue` : undefined}
      />
      <Metric label="Speed" value={rate(metrics.tokensPerSecond)} unit="tok/s" />
      <Metric
        label="Prompt"
        value={metrics.promptTokens}
        unit={metrics.cachedTokens ? `tokens, ${metrics.cachedTokens} cached` : "tokens"}
        title={metrics.promptPerSecond ? `read at ${rate(metrics.promptPerSecond)} tok/s` : undefined}
      />
      <Metric label="Answer" value={metrics.answerTokens} unit="tokens" />
      {finish && <Metric label="End" value={finish} />}
    </MetricList>
  );
}
