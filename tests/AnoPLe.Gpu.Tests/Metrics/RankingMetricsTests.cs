using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Tests.Metrics;

public sealed class RankingMetricsTests
{
    // Sorted by falling score: 0.9 T, 0.8 F, 0.7 T, 0.6 T, 0.4 F, 0.2 F. Pairs won: 3 + 2 + 2 of 9.
    private static readonly float[] Scores = [0.2f, 0.9f, 0.4f, 0.7f, 0.8f, 0.6f];
    private static readonly bool[] Labels = [false, true, false, true, false, true];

    [Fact]
    public void Small_example_by_hand()
    {
        Assert.Equal(7.0 / 9, Auroc.Compute(Scores, Labels), 1e-15);
        // recall steps of 1/3 at precision 1/1, 2/3, 3/4
        Assert.Equal((1 + 2.0 / 3 + 3.0 / 4) / 3, AveragePrecision.Compute(Scores, Labels), 1e-15);
        // at 0.6: TP 3, FP 1, FN 0
        F1Max f1 = F1Max.Compute(Scores, Labels);
        Assert.Equal(6.0 / 7, f1.Value, 1e-15);
        Assert.Equal(0.6f, f1.Threshold);
    }

    [Fact]
    public void Documented_example_of_the_field()
    {
        // The example of scikit-learn's manual: y = [0, 0, 1, 1], scores = [0.1, 0.4, 0.35, 0.8]: AUROC 0.75, AP 0.8333.
        float[] scores = [0.1f, 0.4f, 0.35f, 0.8f];
        bool[] labels = [false, false, true, true];
        Assert.Equal(0.75, Auroc.Compute(scores, labels), 1e-15);
        Assert.Equal(5.0 / 6, AveragePrecision.Compute(scores, labels), 1e-15);
        Assert.Equal(0.8, F1Max.Compute(scores, labels).Value, 1e-15);
    }

    [Fact]
    public void Equal_scores_are_one_threshold()
    {
        float[] scores = [0.5f, 0.5f, 0.5f, 0.5f];
        bool[] labels = [true, false, false, false];
        Assert.Equal(0.5, Auroc.Compute(scores, labels));
        Assert.Equal(0.25, AveragePrecision.Compute(scores, labels));
        Assert.Equal(new F1Max(2.0 / 5, 0.5f), F1Max.Compute(scores, labels));
    }

    [Fact]
    public void Both_zeros_are_equal_and_infinities_are_the_ends()
    {
        Assert.Equal(0.5, Auroc.Compute([0f, -0f], [true, false]));
        Assert.Equal(0.5, Auroc.Compute([0f, -0f], [false, true]));
        Assert.Equal(1, Auroc.Compute([float.PositiveInfinity, float.MaxValue, float.MinValue, float.NegativeInfinity], [true, true, false, false]));
        Assert.Equal(0, Auroc.Compute([float.PositiveInfinity, float.NegativeInfinity], [false, true]));
        Assert.Equal(float.NegativeInfinity, F1Max.Compute([float.PositiveInfinity, float.NegativeInfinity], [true, true]).Threshold);
    }

    [Fact]
    public void One_class_only_is_undefined_where_it_is_undefined()
    {
        float[] scores = [1, 2, 3];
        bool[] none = [false, false, false], all = [true, true, true];
        Assert.Equal(double.NaN, Auroc.Compute(scores, none));
        Assert.Equal(double.NaN, Auroc.Compute(scores, all));
        Assert.Equal(double.NaN, AveragePrecision.Compute(scores, none));
        Assert.Equal(1, AveragePrecision.Compute(scores, all));
        Assert.Equal(double.NaN, F1Max.Compute(scores, none).Value);
        Assert.Equal(float.NaN, F1Max.Compute(scores, none).Threshold);
        Assert.Equal(new F1Max(1, 1), F1Max.Compute(scores, all));
        Assert.Equal(double.NaN, Auroc.Compute([], []));
        Assert.Equal(double.NaN, AveragePrecision.Compute([], []));
        Assert.Equal(double.NaN, F1Max.Compute([], []).Value);
    }

    [Fact]
    public void Bad_arguments_are_refused_with_what_and_where()
    {
        var nan = Assert.Throws<ArgumentException>(() => Auroc.Compute([1, float.NaN], [true, false]));
        Assert.Contains("Score 1 of 2 is NaN", nan.Message, StringComparison.Ordinal);
        var length = Assert.Throws<ArgumentException>(() => AveragePrecision.Compute([1, 2, 3], [true, false]));
        Assert.Contains("3 scores and 2 labels", length.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => F1Max.Compute([float.NaN], [true]));
        Assert.Throws<ArgumentException>(() => ImageMetrics.Compute([1], []));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Random_samples_with_ties_equal_brute_force(int seed)
    {
        var (scores, labels) = Sample(seed);
        Assert.Equal(BruteForce.Auroc(scores, labels), Auroc.Compute(scores, labels), 1e-12);
        Assert.Equal(BruteForce.AveragePrecision(scores, labels), AveragePrecision.Compute(scores, labels), 1e-12);
        var expected = BruteForce.F1Max(scores, labels);
        var actual = F1Max.Compute(scores, labels);
        Assert.Equal(expected.Value, actual.Value, 1e-12);
        Assert.Equal(expected.Threshold, actual.Threshold);
        Assert.Equal(new ImageMetrics(scores.Length, labels.Count(l => l), Auroc.Compute(scores, labels), AveragePrecision.Compute(scores, labels), actual),
            ImageMetrics.Compute(scores, labels));
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Rising_transforms_change_nothing_and_swapped_labels_mirror(int seed)
    {
        var (scores, labels) = Sample(seed);
        // Doubling and adding whole numbers to small whole numbers is exact, so ties stay ties.
        float[] moved = [.. scores.Select(s => 2 * s - 1000)];
        bool[] swapped = [.. labels.Select(l => !l)];
        Assert.Equal(ImageMetrics.Compute(scores, labels) with { F1Max = default }, ImageMetrics.Compute(moved, labels) with { F1Max = default });
        Assert.Equal(F1Max.Compute(scores, labels).Value, F1Max.Compute(moved, labels).Value);
        Assert.Equal(1 - Auroc.Compute(scores, labels), Auroc.Compute(scores, swapped), 1e-15);
        Assert.Equal(1 - Auroc.Compute(scores, labels), Auroc.Compute([.. scores.Select(s => -s)], labels), 1e-15);
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Order_of_samples_does_not_matter(int seed)
    {
        var (scores, labels) = Sample(seed);
        int[] order = [.. Enumerable.Range(0, scores.Length)];
        new Random(seed + 100).Shuffle(order);
        Assert.Equal(ImageMetrics.Compute(scores, labels), ImageMetrics.Compute([.. order.Select(i => scores[i])], [.. order.Select(i => labels[i])]));
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 24)];

    /// <summary>Up to 300 whole-number scores of both signs, few distinct ones for even seeds; both classes present.</summary>
    private static (float[] Scores, bool[] Labels) Sample(int seed)
    {
        Random random = new(seed);
        int count = random.Next(2, 300), levels = seed % 2 == 0 ? 7 : 100_000;
        float[] scores = [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-levels, levels))];
        bool[] labels = [.. scores.Select(s => random.NextDouble() < 0.3 + 0.2 * Math.Sign(s))];
        (labels[0], labels[1]) = (true, false);
        return (scores, labels);
    }
}
