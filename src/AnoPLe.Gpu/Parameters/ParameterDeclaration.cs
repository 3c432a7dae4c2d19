using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Parameters;

/// <summary>Which settings the optimiser uses for a parameter. The order is that of the store's memory.</summary>
internal enum ParameterGroup
{
    /// <summary>Coupling learning rate, weight decay.</summary>
    CouplingWeight,

    /// <summary>Coupling learning rate, no decay.</summary>
    CouplingBias,

    /// <summary>Learning rate, weight decay.</summary>
    DecoderWeight,

    /// <summary>Learning rate, no decay: prompts, view signal, norms, biases.</summary>
    Plain,
}

/// <summary>How a learnable tensor is named, shaped, first filled and trained. Source: SPEC section 5.</summary>
/// <param name="Name">For instance "couple.t2v.0.weight".</param>
/// <param name="Shape">Axes.</param>
/// <param name="Std">Standard deviation of its first values, 0 for a constant.</param>
/// <param name="Constant">The constant: 1 for the weights of norms, else 0.</param>
internal sealed record ParameterDeclaration(string Name, Shape Shape, double Std, float Constant = 0)
{
    /// <summary>The optimiser's group, by name.</summary>
    public ParameterGroup Group => (Name.StartsWith("couple.", StringComparison.Ordinal), Name.EndsWith(".weight", StringComparison.Ordinal)) switch
    {
        (true, true) => ParameterGroup.CouplingWeight,
        (true, false) => ParameterGroup.CouplingBias,
        (false, true) when Name is "decoder.up1.weight" or "decoder.up2.weight" or "decoder.out.weight" => ParameterGroup.DecoderWeight,
        _ => ParameterGroup.Plain,
    };
}
