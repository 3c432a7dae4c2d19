using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>A backend without arithmetic: its operations only count the calls that passed their contract's checks.</summary>
internal sealed class FakeBackend : Backend
{
    public FakeBackend()
    {
        ImageResize = new FakeImageResize(this);
        PatchEmbedding = new FakePatchEmbedding(this);
        TokenInjection = new FakeTokenInjection(this);
        RowGather = new FakeRowGather(this);
        LayerNorm = new FakeLayerNorm(this);
        Linear = new FakeLinear(this);
        Attention = new FakeAttention(this);
        L2Normalize = new FakeL2Normalize(this);
        CosineLogits = new FakeCosineLogits(this);
        MemoryBankDistance = new FakeMemoryBankDistance(this);
        BilinearUpsample = new FakeBilinearUpsample(this);
        GaussianBlur = new FakeGaussianBlur(this);
        ElementwiseActivation = new FakeElementwiseActivation(this);
        TransposedConv2x2 = new FakeTransposedConv2x2(this);
        ViewSignal = new FakeViewSignal(this);
        LatentNoise = new FakeLatentNoise(this);
        Dice = new FakeDice(this);
        Focal = new FakeFocal(this);
        CrossEntropy = new FakeCrossEntropy(this);
        Alignment = new FakeAlignment(this);
        AdamW = new FakeAdamW(this);
        SquaredNorm = new FakeSquaredNorm(this);
        FusedScore = new FakeFusedScore(this);
    }

    /// <summary>How many calls reached an operation's core.</summary>
    public int Calls { get; private set; }

    /// <summary>Tensors allocated and not yet disposed.</summary>
    public int Alive { get; private set; }

    public override DeviceInfo Device { get; } = new("fake", DeviceKind.Cpu, "fake", 0, "none", false);

    public override string Precision => "none";

    public override ImageResize ImageResize { get; }

    public override PatchEmbedding PatchEmbedding { get; }

    public override TokenInjection TokenInjection { get; }

    public override RowGather RowGather { get; }

    public override LayerNorm LayerNorm { get; }

    public override Linear Linear { get; }

    public override Attention Attention { get; }

    public override L2Normalize L2Normalize { get; }

    public override CosineLogits CosineLogits { get; }

    public override MemoryBankDistance MemoryBankDistance { get; }

    public override BilinearUpsample BilinearUpsample { get; }

    public override GaussianBlur GaussianBlur { get; }

    public override ElementwiseActivation ElementwiseActivation { get; }

    public override TransposedConv2x2 TransposedConv2x2 { get; }

    public override ViewSignal ViewSignal { get; }

    public override LatentNoise LatentNoise { get; }

    public override Dice Dice { get; }

    public override Focal Focal { get; }

    public override CrossEntropy CrossEntropy { get; }

    public override Alignment Alignment { get; }

    public override AdamW AdamW { get; }

    public override SquaredNorm SquaredNorm { get; }

    public override FusedScore FusedScore { get; }

    /// <summary>A float tensor.</summary>
    public Tensor Floats(params ReadOnlySpan<int> shape) => Allocate("t", new(shape));

    /// <summary>An index tensor.</summary>
    public Tensor Integers(params ReadOnlySpan<int> shape) => Allocate("i", new(shape), ElementType.I32);

    /// <summary>A weight matrix.</summary>
    public PackedLinear Weight(int outFeatures, int inFeatures, bool bias = false)
        => Linear.Pack("w", new float[outFeatures * inFeatures], bias ? new float[outFeatures] : [], outFeatures, inFeatures);

    public override Tensor Allocate(string name, Shape shape, ElementType type = ElementType.F32)
    {
        Alive++;
        return new FakeTensor(this, name, shape, type, isView: false);
    }

    public override void Synchronize()
    {
    }

    protected override void WriteCore(Tensor tensor, ReadOnlySpan<byte> source) => Calls++;

    protected override void ReadCore(Tensor tensor, Span<byte> destination) => Calls++;

    protected override void CopyCore(Tensor target, Tensor source) => Calls++;

    protected override void ClearCore(Tensor tensor) => Calls++;

    protected override void Dispose(bool disposing)
    {
    }

    private sealed class FakeTensor(FakeBackend backend, string name, Shape shape, ElementType type, bool isView)
        : Tensor(backend, name, shape, type)
    {
        protected override Tensor ViewCore(string name, Shape shape, int offset) => new FakeTensor(backend, name, shape, Type, isView: true);

        protected override void Dispose(bool disposing) => backend.Alive -= isView ? 0 : 1;
    }

    private sealed class FakePackedLinear(FakeBackend backend, string name, int outFeatures, int inFeatures, bool hasBias)
        : PackedLinear(backend, name, outFeatures, inFeatures, hasBias, MatrixPrecision.Fp32)
    {
        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class FakePatchEmbedding(FakeBackend backend) : PatchEmbedding(backend)
    {
        protected override void ForwardCore(Tensor x, Tensor images, PackedLinear weight, Tensor classEmbedding, Tensor positions, int patch)
            => backend.Calls++;
    }

    private sealed class FakeTokenInjection(FakeBackend backend) : TokenInjection(backend)
    {
        protected override void ForwardCore(Tensor x, Tensor tokens, int start, Tensor? positions) => backend.Calls++;

        protected override void BackwardTokensCore(Tensor dtokens, Tensor dx, int start) => backend.Calls++;
    }

    private sealed class FakeImageResize(FakeBackend backend) : ImageResize(backend)
    {
        protected override void ForwardCore(Tensor images, IReadOnlyList<ImageSource> sources, Tensor values) => backend.Calls++;
    }

    private sealed class FakeRowGather(FakeBackend backend) : RowGather(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x, Tensor rows) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor rows) => backend.Calls++;
    }

    private sealed class FakeLayerNorm(FakeBackend backend) : LayerNorm(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean, Tensor? rstd) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd) => backend.Calls++;

        protected override void BackwardParametersCore(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd) => backend.Calls++;
    }

    private sealed class FakeLinear(FakeBackend backend) : Linear(backend)
    {
        protected override PackedLinear PackCore(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures,
            int inFeatures, WeightLayout layout, MatrixPrecision precision) => new FakePackedLinear(backend, name, outFeatures, inFeatures, bias.Length > 0);

        protected override void ForwardCore(Tensor y, Tensor x, PackedLinear weight, Activation activation, bool accumulate) => backend.Calls++;

        protected override void RepackCore(PackedLinear target, Tensor weight, Tensor? bias, WeightLayout layout) => backend.Calls++;

        protected override void BackwardParametersCore(Tensor c, Tensor a, Tensor b) => backend.Calls++;

        protected override void BackwardBiasCore(Tensor dbias, Tensor dy) => backend.Calls++;
    }

    private sealed class FakeAttention(FakeBackend backend) : Attention(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor qkv, int heads, bool causal, Tensor? logSumExp) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dqkv, Tensor dy, Tensor qkv, Tensor y, Tensor logSumExp, int heads, bool causal) => backend.Calls++;
    }

    private sealed class FakeL2Normalize(FakeBackend backend) : L2Normalize(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x) => backend.Calls++;
    }

    private sealed class FakeCosineLogits(FakeBackend backend) : CosineLogits(backend)
    {
        protected override void ForwardCore(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau) => backend.Calls++;

        protected override void BackwardTextCore(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau) => backend.Calls++;
    }

    private sealed class FakeMemoryBankDistance(FakeBackend backend) : MemoryBankDistance(backend)
    {
        protected override void ForwardCore(Tensor distance, Tensor features, PackedLinear bank, float scale, bool accumulate) => backend.Calls++;
    }

    private sealed class FakeBilinearUpsample(FakeBackend backend) : BilinearUpsample(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dy) => backend.Calls++;
    }

    private sealed class FakeGaussianBlur(FakeBackend backend) : GaussianBlur(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x, Tensor scratch, float sigma) => backend.Calls++;
    }

    private sealed class FakeElementwiseActivation(FakeBackend backend) : ElementwiseActivation(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x, Activation activation) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Activation activation) => backend.Calls++;
    }

    private sealed class FakeTransposedConv2x2(FakeBackend backend) : TransposedConv2x2(backend)
    {
        protected override void ScatterCore(Tensor y, Tensor cells, Tensor bias) => backend.Calls++;

        protected override void GatherCore(Tensor dcells, Tensor dy) => backend.Calls++;
    }

    private sealed class FakeViewSignal(FakeBackend backend) : ViewSignal(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x, Tensor signal) => backend.Calls++;

        protected override void BackwardParametersCore(Tensor dsignal, Tensor dy) => backend.Calls++;
    }

    private sealed class FakeLatentNoise(FakeBackend backend) : LatentNoise(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dx, Tensor dy) => backend.Calls++;
    }

    private sealed class FakeDice(FakeBackend backend) : Dice(backend)
    {
        protected override void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale) => backend.Calls++;
    }

    private sealed class FakeFocal(FakeBackend backend) : Focal(backend)
    {
        protected override void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale) => backend.Calls++;
    }

    private sealed class FakeCrossEntropy(FakeBackend backend) : CrossEntropy(backend)
    {
        protected override void ForwardCore(Tensor loss, Tensor logits, Tensor labels, Tensor weights) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor labels, Tensor weights, float scale) => backend.Calls++;
    }

    private sealed class FakeAlignment(FakeBackend backend) : Alignment(backend)
    {
        protected override void ForwardCore(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon) => backend.Calls++;

        protected override void BackwardInputCore(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled, Tensor mass, float scale, bool detach) => backend.Calls++;
    }

    private sealed class FakeAdamW(FakeBackend backend) : AdamW(backend)
    {
        protected override void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in AdamWStep settings) => backend.Calls++;
    }

    private sealed class FakeSquaredNorm(FakeBackend backend) : SquaredNorm(backend)
    {
        protected override void ForwardCore(Tensor result, Tensor x) => backend.Calls++;
    }

    private sealed class FakeFusedScore(FakeBackend backend) : FusedScore(backend)
    {
        protected override void ForwardCore(Tensor y, Tensor logits, Tensor? memory, float epsilon) => backend.Calls++;
    }
}
