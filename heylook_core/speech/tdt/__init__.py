"""Token-and-duration transducers (TDT: Xu et al. 2023, arXiv:2304.06795), for every engine that runs one.

An engine gives the network (`network.TdtNetwork`); decoding, windows over long audio, their seams, words and text are
the same for all.
"""
