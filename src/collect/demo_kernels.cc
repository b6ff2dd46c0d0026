// SPDX-License-Identifier: Apache-2.0
#include "collect/demo_kernels.h"

#include <array>

namespace gpuvigil {
namespace {

// Places in kKernels; the order of both is the same.
enum Place : std::uint8_t {
  kCopyIn,
  kEmbedding,
  kLayerNorm,
  kGemmQkv,
  kRotary,
  kFlashForward,
  kGemmProjection,
  kDropout,
  kAdd,
  kGemmUp,
  kGelu,
  kGemmDown,
  kCast,
  kGemmLogits,
  kSoftmax,
  kLoss,
  kLossBackward,
  kSoftmaxBackward,
  kGemmInputGrad,
  kGemmWeightGrad,
  kGeluBackward,
  kBiasGrad,
  kMaskedScale,
  kFlashDot,
  kFlashBackward,
  kFlashConvert,
  kLayerNormGrad,
  kGammaBetaGrad,
  kEmbeddingBackward,
  kAllReduce,
  kGradNorm,
  kAdam,
  kZero,
  kCopyOut,
  kPlaces,
};

constexpr auto kCompute = KernelKind::kCompute;

constexpr std::array<DemoKernel, kPlaces> kKernels = {{
    {"Memcpy HtoD (Pinned -> Device)", KernelKind::kMemcpy, 1020, 0, 0},
    {"void at::native::vectorized_gather_kernel<16, long>(char*, char*, long*, int, long, long, "
     "long, long, bool)",
     kCompute, 340, 10, 0},
    {"void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<c10::BFloat16, float>("
     "int, float, c10::BFloat16 const*, c10::BFloat16 const*, c10::BFloat16 const*, float*, "
     "float*, c10::BFloat16*)",
     kCompute, 150, 20, 0},
    {"ampere_bf16_s16816gemm_bf16_128x256_ldg8_f2f_stages_64x3_tn", kCompute, 1980, 95, 192},
    {"triton_poi_fused_add_cat_mul_neg_slice_3", kCompute, 190, 15, 0},
    {"void pytorch_flash::flash_fwd_kernel<pytorch_flash::Flash_fwd_kernel_traits<128, 128, 64, 4, "
     "false, false, cutlass::bfloat16_t>, true, true, false, false, true, true, false>("
     "pytorch_flash::Flash_fwd_params)",
     kCompute, 1620, 85, 256},
    {"ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_64x4_tn", kCompute, 690, 95, 128},
    {"void at::native::(anonymous namespace)::fused_dropout_kernel_vec<c10::BFloat16, float, "
     "unsigned int, 1, 4, bool>(at::cuda::detail::TensorInfo<c10::BFloat16, unsigned int>)",
     kCompute, 170, 15, 0},
    {"void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>,"
     " std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<c10::BFloat16>, "
     "std::array<char*, 3ul>)",
     kCompute, 140, 10, 0},
    {"ampere_bf16_s16816gemm_bf16_256x128_ldg8_f2f_stages_64x3_tn", kCompute, 2660, 95, 320},
    {"void at::native::vectorized_elementwise_kernel<4, at::native::GeluCUDAKernelImpl("
     "at::TensorIteratorBase&, at::native::GeluType)::{lambda()#2}, std::array<char*, 2ul> >",
     kCompute, 360, 15, 0},
    {"ampere_bf16_s16816gemm_bf16_128x128_sliced1x2_ldg8_f2f_stages_64x3_tn", kCompute, 2530, 95,
     320},
    {"void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda("
     "at::TensorIteratorBase&)::{lambda()#3}::operator()() const, std::array<char*, 2ul>, 4>",
     kCompute, 98, 10, 0},
    {"sm80_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize256x128x32_stage3_warpsize4x2x1_tensor",
     kCompute, 9440, 95, 768},
    {"void (anonymous namespace)::cunn_SoftMaxForward<8, c10::BFloat16, float, float, "
     "at::native::(anonymous namespace)::LogSoftMaxForwardEpilogue>(float*, c10::BFloat16*, int)",
     kCompute, 2110, 20, 512},
    {"void at::native::(anonymous namespace)::nll_loss_forward_reduce_cuda_kernel_2d<float, float, "
     "long>(float*, float*, float*, long*, float*, bool, long, long, long, long)",
     kCompute, 61, 30, 0},
    {"void at::native::(anonymous namespace)::nll_loss_backward_reduce_cuda_kernel_2d<float, long>("
     "float*, float*, long*, float*, float*, bool, int, int, long, long)",
     kCompute, 66, 30, 0},
    {"void (anonymous namespace)::cunn_SoftMaxBackward<8, float, float, c10::BFloat16, "
     "at::native::(anonymous namespace)::LogSoftMaxBackwardEpilogue>(c10::BFloat16*, float*, "
     "float*, int)",
     kCompute, 2460, 20, 512},
    {"ampere_bf16_s16816gemm_bf16_128x256_ldg8_f2f_stages_64x3_nn", kCompute, 2270, 95, 256},
    {"ampere_bf16_s16816gemm_bf16_256x128_ldg8_f2f_stages_64x3_nt", kCompute, 2370, 95, 256},
    {"void at::native::vectorized_elementwise_kernel<4, at::native::GeluBackwardCUDAKernelImpl("
     "at::TensorIteratorBase&, at::native::GeluType)::{lambda()#2}, std::array<char*, 3ul> >",
     kCompute, 430, 15, 0},
    {"void at::native::reduce_kernel<128, 4, at::native::ReduceOp<c10::BFloat16, "
     "at::native::func_wrapper_t<c10::BFloat16, at::native::sum_functor<c10::BFloat16, float, "
     "c10::BFloat16> >, unsigned int, c10::BFloat16, 4> >",
     kCompute, 220, 20, 0},
    {"void at::native::(anonymous namespace)::masked_scale_kernel<bool, c10::BFloat16, float>("
     "at::Tensor&, at::Tensor const&, at::Tensor const&, float)",
     kCompute, 150, 10, 0},
    {"void pytorch_flash::flash_bwd_dot_do_o_kernel<true, "
     "pytorch_flash::Flash_bwd_kernel_traits<128, 64, 128, 8, 2, 4, 2, false, false, "
     "cutlass::bfloat16_t> >(pytorch_flash::Flash_bwd_params)",
     kCompute, 140, 25, 0},
    {"void pytorch_flash::flash_bwd_dq_dk_dv_loop_seqk_parallel_kernel<"
     "pytorch_flash::Flash_bwd_kernel_traits<128, 64, 128, 8, 2, 4, 2, false, false, "
     "cutlass::bfloat16_t>, true, true, false, false, true, true>(pytorch_flash::Flash_bwd_params)",
     kCompute, 3810, 85, 384},
    {"void pytorch_flash::flash_bwd_convert_dq_kernel<pytorch_flash::Flash_bwd_kernel_traits<128, "
     "64, 128, 8, 2, 4, 2, false, false, cutlass::bfloat16_t> >(pytorch_flash::Flash_bwd_params, "
     "int)",
     kCompute, 120, 10, 0},
    {"void at::native::(anonymous namespace)::layer_norm_grad_input_kernel_vectorized<"
     "c10::BFloat16, float>(c10::BFloat16 const*, c10::BFloat16 const*, float const*, float "
     "const*, "
     "c10::BFloat16 const*, c10::BFloat16*, int)",
     kCompute, 270, 20, 0},
    {"void at::native::(anonymous namespace)::GammaBetaBackwardCUDAKernelTemplate<c10::BFloat16, "
     "float, 32u, 16u, 256u, true, true>(long, long, c10::BFloat16 const*, c10::BFloat16 const*, "
     "float const*, float const*, c10::BFloat16*, c10::BFloat16*)",
     kCompute, 190, 20, 0},
    {"void at::native::(anonymous namespace)::compute_grad_weight<c10::BFloat16, float, long>("
     "long*, c10::BFloat16*, long*, long, long, long*, long*, float*)",
     kCompute, 740, 20, 0},
    {"ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
     KernelKind::kCollective, 6720, 0, 256},
    {"void at::native::(anonymous namespace)::multi_tensor_apply_kernel<"
     "at::native::(anonymous namespace)::TensorListMetadata<1>, at::native::(anonymous namespace)::"
     "LpNormFunctor<float, (at::native::NormType)1, float, 1, 1, 0>, float*, int>",
     kCompute, 500, 10, 0},
    {"void at::native::(anonymous namespace)::multi_tensor_apply_kernel<"
     "at::native::(anonymous namespace)::FusedOptimizerTensorListMetadata<4>, "
     "at::native::(anonymous namespace)::FusedAdamMathFunctor<float, 4, "
     "(at::native::ADAM_MODE)1, false>, float const*, double, double, double>",
     kCompute, 2160, 10, 448},
    {"Memset (Device)", KernelKind::kMemset, 86, 0, 0},
    {"Memcpy DtoH (Device -> Pinned)", KernelKind::kMemcpy, 8, 0, 0},
}};

constexpr std::array<std::uint8_t, 3> kBegin = {kCopyIn, kZero, kEmbedding};
constexpr std::array<std::uint8_t, 13> kForwardLayer = {
    kLayerNorm, kGemmQkv, kRotary, kFlashForward, kGemmProjection, kDropout, kAdd,
    kLayerNorm, kGemmUp,  kGelu,   kGemmDown,     kDropout,        kAdd};
constexpr std::array<std::uint8_t, 8> kTurn = {kLayerNorm,       kCast,         kGemmLogits,
                                               kSoftmax,         kLoss,         kLossBackward,
                                               kSoftmaxBackward, kGemmInputGrad};
constexpr std::array<std::uint8_t, 20> kBackwardLayer = {
    kMaskedScale,   kGemmInputGrad,  kGemmWeightGrad, kBiasGrad,      kGeluBackward,
    kGemmInputGrad, kGemmWeightGrad, kBiasGrad,       kLayerNormGrad, kGammaBetaGrad,
    kMaskedScale,   kGemmInputGrad,  kFlashDot,       kFlashBackward, kFlashConvert,
    kRotary,        kGemmWeightGrad, kLayerNormGrad,  kGammaBetaGrad, kAdd};
constexpr std::array<std::uint8_t, 11> kOptimizer = {kEmbeddingBackward,
                                                     kGradNorm,
                                                     kGradNorm,
                                                     kAdam,
                                                     kAdam,
                                                     kAdam,
                                                     kAdam,
                                                     kAdam,
                                                     kAdam,
                                                     kCast,
                                                     kCopyOut};

constexpr DemoScript kScript = {.begin = kBegin,
                                .forward_layer = kForwardLayer,
                                .turn = kTurn,
                                .backward_layer = kBackwardLayer,
                                .optimizer = kOptimizer,
                                .all_reduce = kAllReduce};

}  // namespace

std::span<const DemoKernel> demo_kernels() {
  return kKernels;
}

const DemoScript& demo_script() {
  return kScript;
}

}  // namespace gpuvigil
