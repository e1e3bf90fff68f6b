
#include <eml_net.h>
static const float mynet_layer_0_biases[6] = { -0.357752f, 0.395100f, -0.054739f, 0.111072f, -0.720366f, 0.183808f };
static const float mynet_layer_0_weights[30] = { 0.082257f, 0.327818f, 0.141798f, 0.076301f, -0.122759f, 0.205440f, -0.082212f, 0.588671f, 0.694824f, -0.162162f, 0.421380f, 0.032639f, 0.090528f, 0.618671f, -0.623681f, -0.619861f, -0.698727f, 0.501356f, 0.400877f, 0.536572f, 0.716794f, 0.431874f, -0.066925f, 0.424415f, -0.553876f, 0.196742f, -0.536795f, 0.666797f, 0.022279f, -0.118716f };
static const float mynet_layer_1_biases[4] = { -0.537779f, -0.603604f, 0.232206f, -0.560525f };
static const float mynet_layer_1_weights[24] = { 0.163723f, 0.174516f, 0.677490f, 0.274151f, -0.227624f, -0.092361f, 0.296197f, -0.672510f, 0.268472f, 0.256945f, -0.458676f, -0.566269f, -0.295940f, -0.204176f, 0.118910f, -0.089991f, 0.746678f, -0.607832f, -0.441030f, -0.516213f, 0.227219f, -0.374160f, -0.062187f, -0.387841f };
static const float mynet_layer_2_biases[3] = { -0.412137f, -0.693279f, -0.387457f };
static const float mynet_layer_2_weights[12] = { -0.571909f, -0.233139f, 0.604472f, -0.737145f, 0.617059f, -0.738999f, 0.872295f, -0.048099f, 0.872825f, 0.187350f, 0.434773f, -0.844254f };
static float mynet_buf1[6];
static float mynet_buf2[6];
static const EmlNetLayer mynet_layers[3] = { 
{ 6, 5, mynet_layer_0_weights, mynet_layer_0_biases, EmlNetActivationRelu }, 
{ 4, 6, mynet_layer_1_weights, mynet_layer_1_biases, EmlNetActivationRelu }, 
{ 3, 4, mynet_layer_2_weights, mynet_layer_2_biases, EmlNetActivationSoftmax } };
static EmlNet mynet = { 3, mynet_layers, mynet_buf1, mynet_buf2, 6 };

    int32_t
    mynet_predict(const float *features, int32_t n_features)
    {
        return eml_net_predict(&mynet, features, n_features);
    }
    

    int32_t
    mynet_regress(const float *features, int32_t n_features, float *out, int32_t out_length)
    {
        return eml_net_regress(&mynet, features, n_features, out, out_length);
    }
    

    float
    mynet_regress1(const float *features, int32_t n_features)
    {
        return eml_net_regress1(&mynet, features, n_features);
    }
    